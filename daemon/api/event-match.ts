import { CooeeError } from '../../protocols/interface/errors.ts';
import { LIMITS } from '../../protocols/interface/limits.ts';
import type { EventInput } from './services.ts';

/** Compiles a UCXL pattern; `protocols/ucxl` has it. @throws CooeeError ERR_UCXL_SYNTAX */
export type AddressMatcher = (pattern: string) => (address: string) => boolean;

/** Whether a subscriber wants an event. */
export type EventFilter = (event: EventInput) => boolean;

const TYPE = /^(\*|[a-z][a-z-]*(?::(?:\*|[a-z][a-z-]*))?)$/;

function typeFilter(pattern: string): EventFilter {
  if (!TYPE.test(pattern)) {
    throw new CooeeError('ERR_API_QUERY', `'${pattern}' is neither an event type nor an address.`, {
      details: { path: 'match' },
      remedy: 'Write a type (member:join), a family (member:*), or a pattern (ucxl://…).',
    });
  }
  if (pattern === '*') return () => true;
  const [noun, verb = '*'] = pattern.split(':');
  const prefix = `${noun}:`;
  if (verb === '*') return (event) => event.type.startsWith(prefix);
  return (event) => event.type === pattern;
}

/**
 * The filter of a `match=` text: a UCXL pattern, or event types (`member:join`, `member:*`,
 * `member`, `*`) separated by commas. Everything when there is none.
 *
 * @throws CooeeError ERR_API_QUERY, ERR_UCXL_SYNTAX
 */
export function compileMatch(match: string | undefined, matcher: AddressMatcher): EventFilter {
  if (match === undefined) return () => true;
  if (Buffer.byteLength(match) > LIMITS.addressBytesMax) {
    throw new CooeeError('ERR_API_QUERY', 'match= is too long.', { details: { path: 'match' } });
  }
  if (/^ucxl:\/\//i.test(match)) {
    const matches = matcher(match);
    return (event) => event.address !== undefined && matches(event.address);
  }
  const filters = match.split(',').map((part) => typeFilter(part.trim()));
  return (event) => filters.some((filter) => filter(event));
}
