import type { Operation } from '../../history/index.ts';
import type { Model } from '../model.ts';
import { fieldsOf } from './fields.ts';

/**
 * A register with compare-and-set: `read` (output `{value}`), `write` (input `{value}`), and `cas`
 * (input `{from, to}`; refused when another value stands there). It begins with null.
 */
export const registerModel: Model<string> = {
  initial: 'null',
  textOf: (state) => state,
  isLook: ({ op, ok }) => op === 'read' || ok === false,
  step(state, { op, input, output, ok }: Operation): string | undefined {
    const { value, from, to } = fieldsOf(input);
    if (op === 'read') {
      return ok !== true || textOf(fieldsOf(output)['value']) === state ? state : undefined;
    }
    if (op === 'write') return ok === false ? state : textOf(value);
    if (op !== 'cas') return undefined;
    const fits = textOf(from) === state;
    if (ok === false) return fits ? undefined : state;
    return fits ? textOf(to) : undefined;
  },
};

const textOf = (value: unknown): string => JSON.stringify(value ?? null);
