import { CooeeError } from '../../../protocols/interface/index.ts';

/** What a whole number on the command line may be. */
export interface IntegerBounds {
  /** How the option is called in messages: `--gpu`. */
  readonly name: string;
  readonly min: number;
  readonly max: number;
}

/**
 * Reads a whole decimal number.
 *
 * @throws CooeeError ERR_API_USAGE when it is none, or outside of its bounds
 */
export function parseInteger(text: string, bounds: IntegerBounds): number {
  const value = /^\d{1,15}$/u.test(text) ? Number(text) : Number.NaN;
  if (value >= bounds.min && value <= bounds.max) return value;
  throw new CooeeError(
    'ERR_API_USAGE',
    `${bounds.name} takes a whole number from ${bounds.min} to ${bounds.max}, not "${text}"`,
  );
}
