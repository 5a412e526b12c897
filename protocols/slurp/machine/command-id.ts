import type { Hash } from '../../interface/index.ts';
import { cidOf, encodeCanonical } from '../../wire/index.ts';
import type { Command } from './codec.ts';

/** Which of all commands of its origin a command is. */
export type Made = NonNullable<Command['made']>;

/** The id of a command: with its origin in it, no other member's command can have it. */
export function commandId(sha256: Hash, origin: string, { boot, number }: Made): string {
  return cidOf(sha256, encodeCanonical([origin, boot, number]));
}
