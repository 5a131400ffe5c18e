import type { StandardSchemaV1 } from '@standard-schema/spec';
import { NetworkError } from '../base/errors.js';

const MAX_ISSUES = 3;

/**
 * The value as the schema lets it through; a promise only if the schema is asynchronous.
 * @throws NetworkError INVALID_PAYLOAD naming the fields and what is wrong with them
 */
export function validate(schema: StandardSchemaV1, value: unknown, what: string): unknown {
  const result = schema['~standard'].validate(value);
  if (result instanceof Promise) return result.then((settled) => unwrap(settled, what));
  return unwrap(result, what);
}

function unwrap(result: StandardSchemaV1.Result<unknown>, what: string): unknown {
  if (!result.issues) return result.value;
  const shown = result.issues.slice(0, MAX_ISSUES).map((issue) => `${pathOf(issue)}${issue.message}`);
  const more = result.issues.length - shown.length;
  const tail = more > 0 ? `; and ${more} more` : '';
  throw new NetworkError('INVALID_PAYLOAD', `${what}: ${shown.join('; ')}${tail}`);
}

function pathOf(issue: StandardSchemaV1.Issue): string {
  if (!issue.path || issue.path.length === 0) return '';
  const keys = issue.path.map((segment) => String(typeof segment === 'object' ? segment.key : segment));
  return `${keys.join('.')}: `;
}
