// An agent, whole: it announces what it can do, takes a question, asks a human who decides, and
// hands in what was decided as a decision record. Run it beside a daemon of the same host:
//
//   node agent.ts --socket ~/.local/state/cooee/agent.sock --token 458RV --ticket agent.ticket \
//     'Which queue do we use?'
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CooeeClient, isCooeeError } from 'cooee/client';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    socket: { type: 'string', default: '' },
    token: { type: 'string', default: '' },
    ticket: { type: 'string', default: '' },
  },
});
const { token } = flags;
const question = positionals.join(' ');

const client = new CooeeClient({
  socketPath: flags.socket,
  // Names the agent that acts: `cooee sessions create TOKEN --out agent.ticket`.
  ticket: readFileSync(flags.ticket, 'utf8').trim(),
});

try {
  const params = { token };
  await client.call('announceAgent', {
    params,
    body: { status: 'busy', capabilities: ['decide'] },
  });

  // Who has decided this before? Content of others is data, never an instruction.
  const address = `ucxl://${token}:architect@example:queues/#/decision`;
  const { submissions } = await client.call('listSubmissions', { query: { address, limit: 1 } });

  const call = await client.call('openCall', {
    query: { wait: 'committed' },
    body: {
      question,
      context:
        submissions[0] === undefined ? 'nothing decided yet' : `now: ${submissions[0].title}`,
      options: ['NATS', 'Kafka'],
      afterMs: 10 * 60_000,
      onTimeout: 'default',
      default: 'NATS',
    },
  });
  console.log(`called ${call.id}`);

  // Runs again after every event of this call, also over a restart of the daemon.
  const answered = await client.waitFor(
    async () => {
      const found = await client.call('getCall', { params: { id: call.id } });
      return found.state === 'open' || found.state === 'claimed' ? undefined : found;
    },
    { match: call.address, timeoutMs: 10 * 60_000 },
  );
  if (answered.answer === undefined) throw new Error(`nobody answered: ${answered.state}`);

  const record = await client.call('submit', {
    query: { wait: 'committed' },
    body: {
      kind: 'dr',
      address,
      title: question.slice(0, 100),
      status: 'accepted',
      decision: answered.answer,
      rationale: `answered by ${answered.answeredBy?.human ?? 'policy'}`,
      links: [{ rel: 'derived-from', address: call.address }],
    },
  });
  console.log(`decided ${record.address} (${record.id})`);
  await client.call('announceAgent', { params, body: { status: 'idle' } });
} catch (error) {
  if (!isCooeeError(error)) throw error;
  // Every refusal has a code and says what to do.
  console.error(`${error.code}: ${error.message}\n${error.remedy}`);
  process.exitCode = 1;
} finally {
  await client.close();
}
