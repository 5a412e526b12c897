import { CooeeError, isErrorCode } from '../../../protocols/interface/index.ts';
import { sanitizeLine, toSafeJson } from '../../../protocols/interface/text/sanitize.ts';
import type { LogEntryView, VerifyLogView } from '../../api/routes/index.ts';
import { type CliContext, writePaced } from '../context.ts';
import { findActor } from '../input/actor.ts';
import { parseInteger } from '../input/numbers.ts';
import type { CliClient } from '../socket-client.ts';

const PAGE_ENTRIES = 500;

/** Options of `cooee log`. */
export interface LogFlags {
  readonly from?: string;
  readonly actor?: string;
  readonly kind?: string;
  readonly verify?: boolean;
}

/** `cooee log`: the audit. */
export async function runLog(context: CliContext, flags: LogFlags): Promise<number> {
  const client = await context.client();
  if (flags.verify === true) return await runVerifyLog(context, client);
  const from = { name: '--from', min: 1, max: Number.MAX_SAFE_INTEGER };
  let next = flags.from === undefined ? undefined : parseInteger(flags.from, from);
  const filters = {
    limit: PAGE_ENTRIES,
    ...(flags.actor === undefined ? {} : { actor: await findActor(client, flags.actor) }),
    ...(flags.kind === undefined ? {} : { kind: flags.kind }),
  };
  for (;;) {
    const query = next === undefined ? filters : { ...filters, from: next };
    const page = await client.call('readLog', { query });
    for (const entry of page.entries) {
      const text = context.json ? `${toSafeJson(entry)}\n` : line(context, entry);
      await writePaced(context.host.stdout, text);
    }
    if (page.next === null) return 0;
    next = page.next;
  }
}

function line(context: CliContext, { index, time, commands }: LogEntryView): string {
  const { dim } = context.colours;
  return commands
    .map(({ kind, actor, body }) => {
      const who = [actor.peer, actor.agent, actor.human].filter((it) => it !== undefined);
      const what = sanitizeLine(JSON.stringify(body));
      const short = what.length > 120 ? `${what.slice(0, 119)}…` : what;
      const where = `${String(index).padStart(8)}  ${time}`;
      return `${dim(where)}  ${sanitizeLine(kind)}  ${sanitizeLine(who.join(' '))}  ${short}\n`;
    })
    .join('');
}

async function runVerifyLog(context: CliContext, client: CliClient): Promise<number> {
  let answer: VerifyLogView = await client.call('verifyLog', { body: {} });
  while (!answer.done) {
    answer = await client.call('verifyLog', { body: { verified: answer.verified } });
  }
  const { problem, head, verified } = answer;
  if (problem !== undefined) {
    const code = isErrorCode(problem.code) ? problem.code : 'ERR_STORAGE_DAMAGED';
    const where = `entry ${problem.index}`;
    throw new CooeeError(code, `the log is not what was signed, at ${where}: ${problem.text}`, {
      details: { index: problem.index },
    });
  }
  const view = { ok: true, from: verified.from, to: verified.size, head };
  context.answer(
    view,
    () =>
      `entries ${view.from} to ${view.to} verified: every batch is signed by its origin, and all ` +
      `together have the root of the head at ${head?.index}, signed by ${head?.signatures} ` +
      `${head?.signatures === 1 ? 'voter' : 'voters'}\n`,
  );
  return 0;
}
