import { LIMITS } from '../../../protocols/interface/index.ts';
import { sanitizeLine } from '../../../protocols/interface/text/sanitize.ts';
import type { MemberRole } from '../../api/routes/index.ts';
import type { CliContext } from '../context.ts';
import { formatDuration } from '../format/duration.ts';
import { parseDurationMs } from '../input/duration.ts';
import { parseInteger } from '../input/numbers.ts';

/** Options of `cooee invite`. */
export interface InviteFlags {
  readonly uses?: string;
  readonly ttl?: string;
  readonly role?: MemberRole;
}

/** What a commit may have taken off an invite's time. */
const REQUEST_MS = 5_000;

/** So many characters of an id are hardly those of another one. */
const ID_CHARS = 12;

/** `cooee invite`: stdout is the invite alone, so that it can be piped; the rest goes to stderr. */
export async function runInvite(context: CliContext, flags: InviteFlags): Promise<number> {
  const bounds = { name: '--uses', min: 1, max: LIMITS.inviteUsesMax };
  const body = {
    uses: flags.uses === undefined ? undefined : parseInteger(flags.uses, bounds),
    ttlMs: flags.ttl === undefined ? undefined : parseDurationMs(flags.ttl),
    role: flags.role,
  };
  const client = await context.client();
  const made = await client.call('createInvite', { body });
  context.answer(made, () => `${sanitizeLine(made.invite)}\n`);
  // The request took a moment of its own: an invite of 24 h shall not read as one of 23.
  const aboutMs = Date.parse(made.expiresAt) - context.host.nowMs() + REQUEST_MS;
  const leftMs = Math.min(aboutMs, body.ttlMs ?? aboutMs);
  // A daemon that runs on from before an upgrade does not say it.
  const id: string | undefined = made.id;
  const takeBack =
    id === undefined
      ? ''
      : `cooee: to take it back: ${context.command} invites revoke ${id.slice(0, ID_CHARS)}\n`;
  const uses = made.uses === 1 ? '1 host' : `${made.uses} hosts`;
  context.remark(
    `cooee: for ${uses}, until ${made.expiresAt} (${formatDuration(leftMs)}); ` +
      'keep it secret until it is used\n' +
      takeBack +
      'cooee: hint: on the other host: cooee join INVITE\n',
  );
  return 0;
}
