import type { StandardSchemaV1 } from '@standard-schema/spec';
import { NetworkError } from '../base/errors.js';

const MAX_ISSUES = 3;

/** What is checked, and whose fault it is if it does not match. */
export interface Checked {
  readonly what: string;
  readonly code: 'INVALID_PAYLOAD' | 'HANDLER_FAILED';
}

/**
 * The value as the schema lets it through; a promise only if the schema is asynchronous.
 * @throws NetworkError naming the fields and what is wrong with them
 */
export function validate(schema: StandardSchemaV1, value: unknown, checked: Checked): unknown {
  const result = schema['~standard'].validate(value);
  if (result instanceof Promise) return result.then((settled) => unwrap(settled, checked));
  return unwrap(result, checked);
}

function unwrap(result: StandardSchemaV1.Result<unknown>, { what, code }: Checked): unknown {
  if (!result.issues) return result.value;
  const shown = result.issues.slice(0, MAX_ISSUES).map((issue) => `${pathOf(issue)}${issue.message}`);
  const more = result.issues.length - shown.length;
  const tail = more > 0 ? `; and ${more} more` : '';
  throw new NetworkError(code, `${what}: ${shown.join('; ')}${tail}`);
}

function pathOf(issue: StandardSchemaV1.Issue): string {
  if (!issue.path || issue.path.length === 0) return '';
  const keys = issue.path.map((segment) => String(typeof segment === 'object' ? segment.key : segment));
  return `${keys.join('.')}: `;
}
