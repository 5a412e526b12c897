import { type TestMesh, until } from '../../test/mesh/harness.ts';

/** A daemon of a bench. */
export type Host = ReturnType<TestMesh['host']>;

export const HOSTS = 8;
/** 16 models on 16 GPU slots are 256: cut, so that all hosts together stay in token version 1. */
export const AGENTS_PER_HOST = 254;
export const AGENTS = HOSTS * AGENTS_PER_HOST;

const MODELS = 16;
const SLOTS = 16;

/** The list of one host, slot by slot. */
export const wantedAgents = Array.from({ length: MODELS * SLOTS }, (_, at) => ({
  model: `model-${String(at % MODELS).padStart(2, '0')}`,
  gpuId: Math.floor(at / MODELS),
})).slice(0, AGENTS_PER_HOST);

/** A mesh of so many daemons with nothing enrolled, started one after the other. */
export async function startHosts(mesh: TestMesh, count = HOSTS): Promise<Host[]> {
  const names = Array.from({ length: count }, (_, at) => `host-${at}`);
  const hosts = names.map((name) => mesh.host(name));
  const [first, ...others] = hosts;
  if (first === undefined) throw new Error('no host');
  await first.up('--log-level', 'info');
  for (const other of others) {
    await other.up('--log-level', 'info', '--join', await first.invite());
  }
  for (const host of hosts) {
    await until('all are connected', async () => {
      const { peers } = await host.client.call('getStatus');
      return peers.connected === count - 1;
    });
  }
  return hosts;
}

/** Every agent that a host lists under the query, page by page. */
export async function pagedAgents(
  host: Host,
  query: { readonly status?: 'idle'; readonly limit: number },
): Promise<{ readonly pages: number; readonly agents: number }> {
  let cursor: string | null = null;
  let pages = 0;
  let agents = 0;
  do {
    const page: { agents: readonly unknown[]; cursor: string | null } = await host.client.call(
      'listAgents',
      { query: cursor === null ? query : { ...query, cursor } },
    );
    pages += 1;
    agents += page.agents.length;
    ({ cursor } = page);
  } while (cursor !== null);
  return { pages, agents };
}
