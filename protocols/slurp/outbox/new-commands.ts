import {
  type Actor,
  type Clock,
  CooeeError,
  type Crypto,
  LIMITS,
  type Signer,
} from '../../interface/index.ts';
import { encodeCanonical } from '../../wire/index.ts';
import { assertCommandForm, type Command } from '../machine/codec.ts';
import { commandId } from '../machine/command-id.ts';
import { assertCommand, type CommandKind, isNaming } from '../machine/kinds.ts';
import { BATCH_OVERHEAD_BYTES } from './gathering.ts';

/** What {@link NewCommands} works with. */
export interface NewCommandsComponents {
  readonly signer: Signer;
  readonly crypto: Crypto;
  readonly clock: Clock;
}

/** Makes the commands of one start, each with a name that no other has. */
export class NewCommands {
  readonly #components: NewCommandsComponents;
  readonly #boot: number;
  #count = 0;

  constructor(components: NewCommandsComponents, boot: number) {
    this.#components = components;
    this.#boot = boot;
  }

  /** The number of the newest. */
  get count(): number {
    return this.#count;
  }

  /** Numbers up to this one are taken. */
  skipTo(count: number): void {
    this.#count = Math.max(this.#count, count);
  }

  /** @throws CooeeError ERR_SLURP_COMMAND, ERR_SLURP_LEVEL, ERR_WIRE_TOO_LARGE */
  make(kind: CommandKind, body: Record<string, unknown>, actor?: Omit<Actor, 'peer'>) {
    const { signer, clock, crypto } = this.#components;
    this.#count++;
    const made = { boot: this.#boot, number: this.#count };
    const command: Command = {
      id: commandId(crypto.sha256, signer.peer, made),
      ...(isNaming(kind) ? { made } : {}),
      kind,
      actor: {
        ...(actor?.agent === undefined ? {} : { agent: actor.agent }),
        ...(actor?.human === undefined ? {} : { human: actor.human }),
        peer: signer.peer,
      },
      timeMs: clock.nowMs(),
      body,
    };
    assertCommandForm(command);
    assertCommand(command);
    const bytes = encodeCanonical(command).length;
    if (bytes > LIMITS.batchBytesMax - BATCH_OVERHEAD_BYTES) {
      throw new CooeeError('ERR_WIRE_TOO_LARGE');
    }
    return { command, bytes };
  }
}
