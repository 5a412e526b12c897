import type { Operation } from '../../history/index.ts';
import type { Model } from '../model.ts';
import { fieldsOf } from './fields.ts';

/** It is there, and nobody has been told yet as what. */
const UNTOLD = 'there';
const ABSENT = 'absent';

/**
 * One element of a set that only grows, with the value that it got when it came in: a submission
 * and its index, an agent and its token. `add` (any operation that is no read) brings it in; again,
 * it changes nothing and answers the same `{value}`. Reads answer `{value}`, null while it is not
 * there.
 */
export const entryModel: Model<string> = {
  initial: ABSENT,
  textOf: (state) => state,
  isLook: ({ op, ok }) => op.endsWith('.read') || ok === false,
  step(state, { op, output, ok }: Operation): string | undefined {
    if (ok === false) return state;
    if (ok === null) return state === ABSENT ? UNTOLD : undefined;
    const value = fieldsOf(output)['value'] ?? null;
    if (op.endsWith('.read') && value === null) return state === ABSENT ? state : undefined;
    const told = `there as ${JSON.stringify(value)}`;
    const isNew = state === ABSENT && !op.endsWith('.read');
    return isNew || state === UNTOLD || state === told ? told : undefined;
  },
};
