import type { z } from 'zod';
import { CooeeError } from '../../protocols/interface/errors.ts';

/** Which part of a request is checked. */
export type RequestPart = 'params' | 'query' | 'body';

/** Field names come from the caller: they are cut before they go into an answer. */
const PATH_CHARS_MAX = 128;

type Issue = z.core.$ZodIssue;

/**
 * True when a branch of a union knows all the fields that were given: it is the one that was meant.
 */
const knowsFields = (issues: readonly Issue[]): boolean =>
  issues.every((issue) => issue.code !== 'unrecognized_keys' || issue.path.length > 0);

/**
 * The issue to name: of a union, that of the branch that was meant, else of the one that came
 * furthest.
 */
function toName(issues: readonly Issue[]): Issue | undefined {
  const [first] = issues;
  if (first?.code !== 'invalid_union') return first;
  const meant = first.errors.find(knowsFields);
  if (meant !== undefined) return toName(meant);
  const named = first.errors.map(toName).filter((issue) => issue !== undefined);
  return named.toSorted((a, b) => b.path.length - a.path.length)[0] ?? first;
}

function pathOf(issue: Issue | undefined): string {
  if (issue === undefined) return '';
  const extra = issue.code === 'unrecognized_keys' ? (issue.keys[0] ?? '') : '';
  const path = [...issue.path.map(String), extra].filter((step) => step !== '').join('.');
  return path.slice(0, PATH_CHARS_MAX);
}

/** How a whole number is written in a path or a query. */
const DIGITS = /^-?\d{1,16}$/;

/** What reads numbers takes an empty text for 0 and `0x10` for 16. */
function assertDigits(part: RequestPart, given: unknown, read: unknown): void {
  const texts = given as Readonly<Record<string, unknown>>;
  for (const [path, value] of Object.entries(read as object)) {
    // What has its default was not given.
    if (typeof value !== 'number' || texts[path] === undefined) continue;
    if (DIGITS.test(String(texts[path]))) continue;
    throw new CooeeError('ERR_API_QUERY', `${part}: ${path}: not a whole number in digits`, {
      details: { part, path },
    });
  }
}

/**
 * Checks one part of a request against its schema; unknown fields are refused.
 *
 * @throws CooeeError ERR_API_BODY (body) or ERR_API_QUERY (query, params), `details.path` names the
 * field
 */
export function validate<T>(schema: z.ZodType<T>, part: RequestPart, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) {
    if (part !== 'body') assertDigits(part, value, result.data);
    return result.data;
  }
  const issue = toName(result.error.issues);
  const path = pathOf(issue);
  const where = path === '' ? part : `${part}: ${path}`;
  const what =
    issue?.code === 'unrecognized_keys' ? 'unknown field' : (issue?.message ?? 'not valid');
  throw new CooeeError(part === 'body' ? 'ERR_API_BODY' : 'ERR_API_QUERY', `${where}: ${what}`, {
    details: { part, path },
  });
}
