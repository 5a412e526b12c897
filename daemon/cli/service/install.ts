import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Installed,
  inviteFile,
  type Service,
  type ServiceSpec,
} from '../../../bootstrap/service/index.ts';
import { CooeeError, isCooeeError } from '../../../protocols/interface/index.ts';
import { sanitizeLine } from '../../../protocols/interface/text/sanitize.ts';
import type { CliContext } from '../context.ts';
import { checkInviteShape, readInvite } from '../input/invite-source.ts';
import { isRunning } from '../node/down.ts';
import { withProgress } from '../progress.ts';
import type { CliClient } from '../socket-client.ts';
import { type ServiceFlags, serviceCommand, serviceHere } from './pick.ts';
import { type SpecFlags, specOf } from './spec.ts';
import { serviceLines, serviceView } from './view.ts';

/** Options of `cooee service install` as they were typed. */
export interface InstallFlags extends SpecFlags, ServiceFlags {
  readonly print?: boolean;
}

/** A start on a slow disk takes a few seconds. */
const START_TIMEOUT_MS = 20_000;
const POLL_MS = 200;
const STATE_POLL_MS = 1_000;
const LAST_LINES = 5;

/** `cooee service install`: writes the description, starts the daemon, waits until it answers. */
export async function runServiceInstall(context: CliContext, flags: InstallFlags): Promise<number> {
  const service = serviceHere(context, flags.user === true ? 'user' : 'system');
  const { env, stdin } = context.host;
  const isJoining = (flags.join ?? env['COOEE_INVITE'] ?? '') !== '';
  const spec = specOf(context, flags, { scope: service.scope, isJoining });
  if (flags.print === true) return print(context, service, spec);
  service.checkRights();
  refuseUnreachable(service, spec);
  const invite = await readInvite({ argument: flags.join, env: env['COOEE_INVITE'], stdin });
  if (invite !== undefined) checkInviteShape(invite);
  await refuseOtherDaemon(context, service);
  const installed = await service.install(spec, invite);
  const isUp = await withProgress(context.host.stderr, 'starting', () =>
    untilUp(context, service, spec),
  );
  await report(context, service, { spec, installed });
  if (!isUp) {
    context.remark(
      'cooee: it was started, but does not answer yet: ' +
        `${serviceCommand(context, service, 'logs')}\n`,
    );
  }
  return 0;
}

function print(context: CliContext, service: Service, spec: ServiceSpec): number {
  for (const path of service.unreachable(spec)) {
    context.remark(`cooee: warning: a service of the system could not reach ${path}\n`);
  }
  const text = service.text(spec);
  context.answer({ file: service.file, text }, () => text);
  return 0;
}

function refuseUnreachable(service: Service, spec: ServiceSpec): void {
  const [path] = service.unreachable(spec);
  if (path === undefined) return;
  const message = `A service of the system cannot reach ${path}.`;
  throw new CooeeError('ERR_BOOTSTRAP_SERVICE_PATH', message, { details: { path } });
}

/** Two daemons on one home: the service would fail for as long as the other one runs. */
async function refuseOtherDaemon(context: CliContext, service: Service): Promise<void> {
  if (!(await isRunning(await context.client()))) return;
  if ((await service.isInstalled()) && (await service.state()).isRunning) return;
  throw new CooeeError('ERR_BOOTSTRAP_SERVICE_DAEMON');
}

/**
 * Waits until the daemon has a mesh or is on the way into one; false when it takes its time.
 *
 * @throws CooeeError ERR_BOOTSTRAP_SERVICE_FAILED when it has ended
 */
async function untilUp(context: CliContext, service: Service, spec: ServiceSpec): Promise<boolean> {
  let isOver = true;
  try {
    const client = await context.client();
    for (let waitedMs = 0; waitedMs < START_TIMEOUT_MS; waitedMs += POLL_MS) {
      if (await isUp(client)) return true;
      if (waitedMs % STATE_POLL_MS === 0 && (await service.state()).isFailed) {
        return await failToStart(service);
      }
      await context.host.delay(POLL_MS);
    }
    // A daemon that joins keeps the invite in its home by itself; one that is slow has not read it.
    isOver = existsSync(join(spec.home, 'mesh', 'mesh.json'));
    return false;
  } finally {
    if (isOver) await rm(inviteFile(spec.home), { force: true });
  }
}

/** Whether it is a member, or says that nobody lets it in yet; before that it may be refused. */
async function isUp(client: CliClient): Promise<boolean> {
  try {
    const { role, health } = await client.call('getStatus');
    return role !== 'joining' || health.conditions.some(({ code }) => code === 'joining');
  } catch (error) {
    const isEarly =
      isCooeeError(error, 'ERR_API_DAEMON_NOT_RUNNING') || isCooeeError(error, 'ERR_API_STARTING');
    if (isEarly) return false;
    throw error;
  }
}

async function failToStart(service: Service): Promise<never> {
  const { text } = await service.state();
  const lines = (await service.lastLines(LAST_LINES)).map(sanitizeLine);
  const said = lines.findLast((line) => line.startsWith('cooee: ') && !line.includes('hint: '));
  const why = said === undefined ? text : said.slice('cooee: '.length);
  throw new CooeeError('ERR_BOOTSTRAP_SERVICE_FAILED', `the daemon does not stay up: ${why}`, {
    details: { state: text, log: lines.join('\n') },
  });
}

async function report(
  context: CliContext,
  service: Service,
  done: { readonly spec: ServiceSpec; readonly installed: Installed },
): Promise<void> {
  const { home } = done.spec;
  const view = await serviceView(service);
  const { isUpdate: updated, remarks } = done.installed;
  context.answer({ ...view, updated, remarks }, () => {
    const next = `${context.command} status`;
    const what = updated ? 'updated' : 'installed';
    return `${what}\n${serviceLines(view)}next  ${next}   (what the daemon says of itself)\n`;
  });
  for (const remark of remarks) context.remark(`cooee: ${remark}\n`);
  const key = join(home, 'RECOVERY-KEY');
  if (existsSync(key)) {
    context.remark(`cooee: the mesh's recovery key is in ${key}; move it off this host\n`);
  }
}
