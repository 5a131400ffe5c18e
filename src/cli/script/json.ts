import { BYTES_FORM, inspectPayload, wireForm } from '../../message/payload-form.js';

/**
 * A payload as JSON for a script, with bytes as in a JSON frame: `{"$b64":"…"}`.
 * @throws NetworkError SERIALIZATION if it has no JSON form
 */
export function toJson(payload: unknown): string {
  const plain = (inspectPayload(payload) & BYTES_FORM) === 0;
  return JSON.stringify(plain ? payload : wireForm(payload, 'json')) ?? 'null';
}

/** Whether JSON text may hold bytes, or something escaped so that it is not taken for bytes. */
export const mayHoldBytes = (text: string): boolean => text.includes('b64"');
