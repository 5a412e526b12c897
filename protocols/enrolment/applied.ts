import type { Outcome, StateEvent } from '../interface/index.ts';

/**
 * What applying an entry came to, as far as services of protocols need to know. The state holds it
 * already.
 */
export interface AppliedCommands {
  readonly index: number;
  readonly decisions: readonly {
    readonly command: {
      readonly kind: string;
      readonly body: Readonly<Record<string, unknown>>;
    };
    readonly outcome: Outcome;
  }[];
  readonly events: readonly StateEvent[];
}
