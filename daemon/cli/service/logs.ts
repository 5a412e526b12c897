import { CooeeError } from '../../../protocols/interface/index.ts';
import type { CliContext } from '../context.ts';
import { parseInteger } from '../input/numbers.ts';
import { pickInstalled, type ServiceFlags } from './pick.ts';

/** Options of `cooee service logs` as they were typed. */
export interface LogsFlags extends ServiceFlags {
  readonly lines: string;
  readonly follow?: boolean;
}

const LINES_MAX = 100_000;

/** `cooee service logs`: what the manager has kept of the daemon's output. Exit 3 without one. */
export async function runServiceLogs(context: CliContext, flags: LogsFlags): Promise<number> {
  const lines = parseInteger(flags.lines, { name: '--lines', min: 1, max: LINES_MAX });
  const service = await pickInstalled(context, flags);
  const shown = service.logs({ lines, follow: flags.follow === true, json: context.json });
  const takeBack = context.host.onEnd?.(() => shown.end());
  const code = await shown.done;
  takeBack?.();
  if (code !== undefined) return code === 0 ? 0 : 1;
  throw new CooeeError('ERR_BOOTSTRAP_SERVICE_UNSUPPORTED', 'There is nothing here to read logs.');
}
