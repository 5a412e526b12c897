import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type CooeeError, isCooeeError } from '../../protocols/interface/index.ts';
import type { TestHost } from './harness.ts';

/** What a program printed when it refused, and its exit code. */
export interface Refusal {
  readonly exit: number | null;
  readonly code: string;
  readonly remedy: string;
}

/** The error that a daemon or a command printed as JSON, the last line of stderr. */
export function refusalIn(exit: number | null, stderr: string): Refusal {
  const line = stderr.trimEnd().split('\n').at(-1) ?? '';
  const { error } = JSON.parse(line) as { error: { code: string; remedy: string } };
  return { exit, code: error.code, remedy: error.remedy };
}

/** Starts a daemon that is expected to be refused, and gives the refusal. */
export async function refusedUp(host: TestHost, invite: string): Promise<Refusal> {
  host.stderr = '';
  host.spawn('--json', '--join', invite);
  return refusalIn(await host.exited, host.stderr);
}

/** Runs a command that is expected to be refused, and gives the refusal. */
export async function refusedCli(host: TestHost, ...args: readonly string[]): Promise<Refusal> {
  const { code, stderr } = await host.cli(...args, '--json');
  return refusalIn(code, stderr);
}

/** The error with which a call is expected to fail. */
export async function errorOf(call: Promise<unknown>): Promise<CooeeError> {
  const thrown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!isCooeeError(thrown)) throw new Error('expected a refusal', { cause: thrown });
  return thrown;
}

/** The names of the members, as that host knows them. */
export async function membersOn(host: TestHost): Promise<string[]> {
  const { members } = await host.client.call('listMembers', {});
  return members.map(({ name }) => name);
}

/** The id of the mesh that the host is in. */
export async function meshOf(host: TestHost): Promise<string> {
  return (await host.client.call('getStatus', {})).mesh.id;
}

/** The codes of the raised conditions, with spaces between. */
export async function conditions(host: TestHost): Promise<string> {
  const { health } = await host.client.call('getStatus', {});
  return health.conditions.map(({ code }) => code).join(' ');
}

/** The models enrolled on a host, as `host` knows them. */
export async function modelsOf(host: TestHost, hostname: string): Promise<string[]> {
  const { agents } = await host.client.call('listAgents', {});
  return agents.filter((it) => it.hostname === hostname).map(({ model }) => model);
}

/** Whether the home has a mesh, on the disk. */
export const hasMesh = (host: TestHost): boolean => existsSync(join(host.home, 'mesh'));

/** How many meshes were set aside in the home. */
export const setAside = (host: TestHost): number => {
  const folder = join(host.home, 'old');
  return existsSync(folder) ? readdirSync(folder).length : 0;
};
