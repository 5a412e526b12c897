import { ERROR_CODES, isCooeeError } from '../../../protocols/interface/index.ts';
import { sanitizeLine } from '../../../protocols/interface/text/sanitize.ts';
import type { DoctorView } from '../../api/routes/index.ts';
import type { CliContext } from '../context.ts';
import { displayWidth, padWidth } from '../format/width.ts';
import { wrapWidth } from '../format/wrap.ts';
import { asTyped } from '../report-error.ts';

const SYMBOLS = { ok: '✓', warn: '!', fail: '✗' } as const;

/** Columns where the width of the terminal is not known: a log, a pipe. */
const COLUMNS_DEFAULT = 100;
/** Narrower than this the text would stand in a ribbon: it is left to the terminal to break. */
const COLUMNS_MIN = 40;

/**
 * `cooee doctor`: what was checked, one line each. Exit 1 when a check failed; without a daemon
 * that answers 5, and what can be seen from outside.
 */
export async function runDoctor(context: CliContext): Promise<number> {
  const online = await ask(context);
  const doctor = online ?? (await offline(context));
  context.answer(doctor, () => formatDoctor(context, doctor));
  if (online === undefined) return ERROR_CODES.ERR_API_DAEMON_NOT_RUNNING.exit;
  return doctor.ok ? 0 : 1;
}

/** What the daemon says; undefined when there is none, or it hangs. */
async function ask(context: CliContext): Promise<DoctorView | undefined> {
  try {
    const client = await context.client();
    return await client.call('getDoctor');
  } catch (error) {
    const isSilent =
      isCooeeError(error, 'ERR_API_DAEMON_NOT_RUNNING') || isCooeeError(error, 'ERR_API_TIMEOUT');
    if (isSilent) return undefined;
    throw error;
  }
}

async function offline({ host, home, socket }: CliContext): Promise<DoctorView> {
  const { examineOffline } = await host.loadDaemon();
  return await examineOffline({ home, socket });
}

function formatDoctor(context: CliContext, { checks }: DoctorView): string {
  const { green, yellow, red, dim } = context.colours;
  const paint = { ok: green, warn: yellow, fail: red };
  const width = Math.max(0, ...checks.map(({ name }) => displayWidth(sanitizeLine(name))));
  const indent = ' '.repeat(width + 10);
  const columns = context.host.stdout.columns ?? COLUMNS_DEFAULT;
  const room = Math.max(columns, COLUMNS_MIN + width) - indent.length;
  let text = '';
  for (const { name, state, cause, remedy } of checks) {
    const head = `${paint[state](`${SYMBOLS[state]} ${padWidth(state, 4)}`)}  `;
    const [first = '', ...more] = wrapWidth(sanitizeLine(cause), room);
    text += `${head}${padWidth(sanitizeLine(name), width)}  ${first}\n`;
    for (const line of more) text += `${indent}${line}\n`;
    if (state === 'ok' || remedy === '') continue;
    const lines = wrapWidth(sanitizeLine(asTyped(remedy, context.command)), room - 2);
    for (const [at, line] of lines.entries()) {
      text += `${indent}${dim(at === 0 ? `→ ${line}` : `  ${line}`)}\n`;
    }
  }
  return text + summaryOf(checks);
}

function summaryOf(checks: DoctorView['checks']): string {
  const count = (state: string): number => checks.filter((it) => it.state === state).length;
  const [warnings, failures] = [count('warn'), count('fail')];
  if (warnings + failures === 0) return `all ${checks.length} checks are well\n`;
  return `${checks.length} checks: ${failures} failed, ${warnings} to look at\n`;
}
