import { CooeeError } from '../../protocols/interface/errors.ts';
import { LIMITS } from '../../protocols/interface/limits.ts';
import type { EventInput } from './services.ts';

/** Compiles a UCXL pattern; `protocols/ucxl` has it. @throws CooeeError ERR_UCXL_SYNTAX */
export type AddressMatcher = (pattern: string) => (address: string) => boolean;

/** Whether a subscriber wants an event. */
export type EventFilter = (event: EventInput) => boolean;

/**
 * Every type of event that this program publishes: who waits for another one waits for ever. A
 * newer program has its own table, and its daemon is who checks.
 */
export const EVENT_TYPES: readonly string[] = [
  ...['agent:announce', 'agent:back', 'agent:grant', 'agent:rebind', 'agent:retire'],
  ...['agent:unreachable'],
  ...['call:answer', 'call:claim', 'call:escalate', 'call:expire', 'call:open', 'call:release'],
  ...['call:withdraw'],
  ...['leader:change'],
  ...['member:boot', 'member:clone', 'member:join', 'member:leave', 'member:remove'],
  ...['member:role'],
  ...['mesh:recover', 'mesh:settings'],
  ...['peer:connect', 'peer:disconnect'],
  ...['submission:commit', 'submission:decide', 'submission:supersede'],
  ...['voters:change'],
];

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
  const family = EVENT_TYPES.filter((type) => type.startsWith(prefix));
  if (family.length === 0 || (verb !== '*' && !family.includes(pattern))) {
    throw noSuchType(pattern, family);
  }
  if (verb === '*') return (event) => event.type.startsWith(prefix);
  return (event) => event.type === pattern;
}

function noSuchType(pattern: string, family: readonly string[]): CooeeError {
  const families = new Set(EVENT_TYPES.map((type) => `${type.split(':')[0]}:*`));
  const known = family.length > 0 ? family : [...families];
  return new CooeeError('ERR_API_QUERY', `There is no event of type ${pattern}.`, {
    details: { path: 'match' },
    remedy: `There are: ${known.join(', ')}`,
  });
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
