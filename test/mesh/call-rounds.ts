import type { CallView } from '../../daemon/api/routes/index.ts';
import { isCooeeError } from '../../protocols/interface/index.ts';
import { type TestHost, until } from './harness.ts';
import { leaderOf, without } from './voting.ts';

const HUMANS_PER_HOST = 4;
const PATIENTLY = { wait: 'committed', timeoutMs: 60_000 } as const;

/** What one human came to: the call, the name of who has it, or nothing known. */
type Pressed =
  | { readonly human: string; readonly got: 'call'; readonly fence: number }
  | { readonly human: string; readonly got: 'refusal'; readonly by: unknown }
  | { readonly human: string; readonly got: 'nothing' };

/** What a round proved; a failure is a text that says what is wrong. */
export interface Round {
  readonly winners: number;
  readonly refused: number;
  /** Humans whose daemon was killed under them. */
  readonly cutOff: number;
  readonly failures: readonly string[];
}

/**
 * Twenty humans on five nodes claim one call at once, while the leader dies (odd rounds) or hands
 * over (even ones). One has it, and everybody who has an answer was told who.
 *
 * @param hosts - five voters or members of one mesh, all up; they are all up again afterwards
 */
export async function claimRound(hosts: readonly TestHost[], round: number): Promise<Round> {
  const id = await openCall(hosts, round);
  const leader = await leaderOf(hosts);
  const isKilled = round % 2 === 1;
  const pressing = hosts.flatMap((host) =>
    Array.from({ length: HUMANS_PER_HOST }, (_, n) => press(host, id, `${host.name}-${n}`)),
  );
  const fate = isKilled ? leader.end('SIGKILL') : handOver(hosts, leader);
  const [pressed] = await Promise.all([Promise.all(pressing), fate]);
  if (isKilled) await leader.up();
  const call = await sameEverywhere(hosts, id);
  const dead = isKilled ? leader : undefined;
  return judge(call, pressed, dead);
}

/** As {@link claimRound}, so many times; says of every round what went wrong in it. */
export async function claimRounds(
  hosts: readonly TestHost[],
  count: number,
): Promise<readonly Round[]> {
  const rounds: Round[] = [];
  for (let round = 1; round <= count; round++) rounds.push(await claimRound(hosts, round));
  return rounds;
}

function judge(call: CallView, pressed: readonly Pressed[], dead: TestHost | undefined): Round {
  const failures: string[] = [];
  const has = call.claimedBy?.human;
  const winners = pressed.filter(({ got }) => got === 'call');
  const refused = pressed.filter(({ got }) => got === 'refusal');
  const cutOff = pressed.filter(({ got }) => got === 'nothing');
  if (call.state !== 'claimed' || call.fence !== 1) {
    failures.push(`the call is ${call.state} with fence ${call.fence}`);
  }
  if (winners.length > 1) failures.push(`${winners.length} were told that they have the call`);
  for (const { human } of winners) {
    if (human !== has) failures.push(`${human} was told so, but ${has} has the call`);
  }
  for (const it of refused) {
    if (it.got === 'refusal' && it.by !== has) {
      failures.push(`${it.human} was told ${it.by}, but ${has} has the call`);
    }
  }
  for (const { human } of cutOff) {
    const isDead = dead !== undefined && human.startsWith(`${dead.name}-`);
    if (!isDead) failures.push(`${human} got no answer, although the daemon lived`);
  }
  const isWinnerCutOff = cutOff.some(({ human }) => human === has);
  if (winners.length === 0 && !isWinnerCutOff) failures.push(`${has} was not told`);
  return {
    winners: winners.length,
    refused: refused.length,
    cutOff: cutOff.length,
    failures,
  };
}

async function press(host: TestHost, id: string, human: string): Promise<Pressed> {
  try {
    const claim = { params: { id }, query: PATIENTLY, body: { by: human } };
    const { fence } = await host.client.call('claimCall', claim);
    return fence === undefined ? { human, got: 'nothing' } : { human, got: 'call', fence };
  } catch (error) {
    if (!isCooeeError(error)) throw error;
    if (error.code !== 'ERR_HELP_CLAIMED') return { human, got: 'nothing' };
    return { human, got: 'refusal', by: error.details['by'] };
  }
}

/** A call that all hosts know. */
async function openCall(hosts: readonly TestHost[], round: number): Promise<string> {
  const asker = hosts[round % hosts.length] as TestHost;
  const body = { question: `Round ${round}?`, onTimeout: 'wait' as const };
  const { id } = await asker.client.call('openCall', { query: PATIENTLY, body });
  for (const host of hosts) {
    await until(`${host.name} knows the call`, () => stateOn(host, id));
  }
  return id;
}

async function handOver(hosts: readonly TestHost[], leader: TestHost): Promise<void> {
  const [other] = without(hosts, leader);
  // Refused when leadership moves by itself meanwhile: that will do as well.
  await other?.client.call('transferLeader', { body: {} }).catch((error: unknown) => {
    if (!isCooeeError(error)) throw error;
  });
}

async function stateOn(host: TestHost, id: string): Promise<CallView | undefined> {
  const call = await host.client.call('getCall', { params: { id } });
  return call.state === 'accepted' ? undefined : call;
}

/** What all hosts say of the call, once they say the same. */
export async function sameEverywhere(hosts: readonly TestHost[], id: string): Promise<CallView> {
  return await until('all hosts say the same of the call', async () => {
    const query = { consistency: 'linearizable' } as const;
    const views = await Promise.all(
      hosts.map((host) => host.client.call('getCall', { params: { id }, query })),
    );
    const texts = new Set(views.map((view) => JSON.stringify(view)));
    return texts.size === 1 && views[0]?.state !== 'open' ? views[0] : undefined;
  });
}
