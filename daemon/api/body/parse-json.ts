import { isUtf8 } from 'node:buffer';
import { CooeeError } from '../../../protocols/interface/index.ts';

/** Far more than the log takes (16), and nothing to a call stack. */
const DEPTH_MAX = 100;

/** A body, and its text as it came. */
export interface JsonBody {
  readonly text: string;
  readonly value: unknown;
}

/**
 * Takes a body apart. What comes of it is what was written: a lenient decoder would put U+FFFD in
 * the place of bytes that are no text, and a field `__proto__` is lost wherever a value is copied.
 *
 * @throws CooeeError ERR_API_BODY
 */
export function parseJson(bytes: Buffer): JsonBody {
  if (!isUtf8(bytes)) throw new CooeeError('ERR_API_BODY', 'The body is not UTF-8.');
  const text = bytes.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CooeeError('ERR_API_BODY', 'The body is not valid JSON.', { cause });
  }
  const fault = mayNameProto(text) ? faultOf(value) : undefined;
  if (fault !== undefined) throw new CooeeError('ERR_API_BODY', `The body ${fault}.`);
  return { text, value };
}

/** False for almost every text: this costs next to nothing, while looking at all values would. */
function mayNameProto(text: string): boolean {
  // The letters of the name may be escaped; all of them are below U+0080.
  return text.includes('__proto__') || text.includes('\\u00');
}

/**
 * What of a JSON value would be changed on its way, as the end of a sentence; undefined when all of
 * it can be kept. Level by level, so that no nesting is too deep for it.
 */
export function faultOf(root: unknown): string | undefined {
  let level = [root];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > DEPTH_MAX) return 'is nested too deeply';
    const next: unknown[] = [];
    for (const value of level) {
      if (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY) {
        return 'has a number that is too large';
      }
      if (typeof value !== 'object' || value === null) continue;
      if (Object.hasOwn(value, '__proto__')) return 'has a field with the name __proto__';
      for (const child of Object.values(value)) next.push(child);
    }
    level = next;
  }
  return undefined;
}
