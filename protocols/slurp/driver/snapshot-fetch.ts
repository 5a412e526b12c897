import { CooeeError, type Logger, toError } from '../../interface/index.ts';
import { untilAborted } from '../until-aborted.ts';
import type { InstalledAt, InstallFrom } from './ports.ts';

/** Fetches the snapshot that the leader asks for, one at a time. */
export class SnapshotFetch {
  readonly #components: { readonly installFrom: InstallFrom; readonly logger: Logger };
  #running: AbortController | undefined;

  constructor(components: { readonly installFrom: InstallFrom; readonly logger: Logger }) {
    this.#components = components;
  }

  /** Nothing when one is under way: the leader asks again. */
  begin(
    wanted: { readonly from: string; readonly index: number },
    onInstalled: (installed: InstalledAt) => void,
  ): void {
    if (this.#running !== undefined) return;
    const running = new AbortController();
    this.#running = running;
    const { installFrom, logger } = this.#components;
    untilAborted(installFrom(wanted.from, wanted.index, running.signal), running.signal)
      .then(onInstalled)
      .catch((error: unknown) => logger.warn({ err: toError(error) }, 'no snapshot yet'))
      .finally(() => {
        this.#running = undefined;
      });
  }

  stop(): void {
    this.#running?.abort(new CooeeError('ERR_SLURP_NO_LEADER', 'the node stops'));
  }
}
