/**
 * Receivers of webhooks are strangers. Goal: none leads the daemon where it should not go, holds up
 * another, fills its memory, or gets an event twice after it said 2xx. Method: real HTTP servers on
 * loopback that redirect, lie, stall, flood and fail; the real sender, clock and store; the test's
 * own calls and resolver.
 */
import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import type { CallEventType } from '../../daemon/config/webhooks.ts';
import { systemClock } from '../../daemon/system/clock.ts';
import { HealthBook } from '../../daemon/system/health.ts';
import { MetricsBook } from '../../daemon/system/metrics.ts';
import { systemRandom } from '../../daemon/system/random.ts';
import { Endpoint } from '../../daemon/webhook/endpoint.ts';
import { messageBody, messageId } from '../../daemon/webhook/payload.ts';
import { describe as describeAttempt } from '../../daemon/webhook/rules.ts';
import { HttpSender, type Resolve, systemResolve } from '../../daemon/webhook/sender.ts';
import { Webhooks } from '../../daemon/webhook/webhooks.ts';
import { silentLogger } from '../../protocols/interface/index.ts';
import { LevelStore } from '../../storage/level-store.ts';
import { until } from '../mesh/harness.ts';
import { CALL_A, CALL_B, FakeCalls } from '../unit/daemon/webhook/fixture.ts';
import { temporaryFolders } from '../unit/storage/temporary-folder.ts';
import { Receiver } from './receiver.ts';

const TIMEOUT_MS = 700;
const SECRET = new Uint8Array(32).fill(7);

const sha256 = (data: Uint8Array): Uint8Array =>
  new Uint8Array(createHash('sha256').update(data).digest());

interface EndpointInput {
  readonly name?: string;
  readonly url: string;
  readonly allowPrivate?: boolean;
}

const folder = temporaryFolders();
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function receiver(port?: number, host?: string): Promise<Receiver> {
  const made = await new Receiver().listen(port, host);
  ends.push(() => made.close());
  return made;
}

/** A node's webhooks with everything real but the calls. */
class World {
  readonly calls = new FakeCalls();
  readonly health = new HealthBook(silentLogger);
  readonly metrics = new MetricsBook();
  /** What came of each attempt. */
  readonly outcomes: string[] = [];
  readonly #directory: string;
  #store: LevelStore | undefined;
  #webhooks: Webhooks | undefined;
  #index = 0;
  /** Deliveries that there must be in the end. */
  #wanted = 0;
  #endpoints = 0;
  timeoutMs = TIMEOUT_MS;

  constructor(directory: string) {
    this.#directory = directory;
    ends.push(() => this.stop());
  }

  async start(inputs: readonly EndpointInput[], resolve: Resolve = systemResolve): Promise<void> {
    const store = new LevelStore({}, { directory: this.#directory });
    await store.open();
    const http = new HttpSender(
      { resolve, nowMs: () => Date.now() },
      { userAgent: 'cooee/test', timeoutMs: this.timeoutMs },
    );
    const send: HttpSender['send'] = async (...request) => {
      const attempt = await http.send(...request);
      this.outcomes.push(describeAttempt(attempt));
      return attempt;
    };
    const endpoints = inputs.map(
      ({ name = 'ops', url, allowPrivate = true }) =>
        new Endpoint({
          ...{ name, url, secret: SECRET, severityMin: 'info', escalationMin: 0, allowPrivate },
        }),
    );
    const message = (event: Parameters<typeof messageBody>[1]) => ({
      id: messageId(sha256, 'mesh', event),
      body: messageBody('mesh', event),
    });
    const ports = { clock: systemClock, random: systemRandom, logger: silentLogger };
    const { calls, health, metrics } = this;
    this.#webhooks = new Webhooks(
      { ...ports, calls, health, metrics, store, sender: { send }, message },
      { endpoints, admittedIndex: 0 },
    );
    this.#store = store;
    this.#endpoints = endpoints.length;
    await this.#webhooks.start(() => true);
  }

  async stop(): Promise<void> {
    await this.#webhooks?.stop();
    await this.#store?.close();
  }

  async happen(call: string, type: CallEventType): Promise<void> {
    this.#index += 1;
    this.#wanted += this.#endpoints;
    const entry = { index: this.#index, calls: [call] };
    await this.#store?.batch(this.#webhooks?.writesFor(entry) ?? []);
    this.calls.happen(call, type, { timeMs: Date.now() });
    this.#webhooks?.onApplied(entry);
  }

  attempts(outcome: string): number {
    return this.metrics.read('cooee_webhook_attempts_total', { outcome });
  }

  /** All that happened was taken. */
  async settled(): Promise<void> {
    await until('all was taken', () => this.attempts('delivered') === this.#wanted);
  }
}

const world = async (): Promise<World> => new World(await folder());

describe('where a webhook may go', () => {
  it.each([301, 302, 303, 307, 308])('a %d is not followed, and tried again', async (status) => {
    const decoy = await receiver();
    const first = await receiver();
    first.behave = (response, n) =>
      n === 1
        ? response.writeHead(status, { location: decoy.url() }).end()
        : response.writeHead(204).end();
    const it = await world();
    await it.start([{ url: first.url() }]);
    await it.happen(CALL_A, 'call:open');
    await until('it is sent again', () => first.got.length === 2);
    await it.settled();
    expect(decoy.got).toEqual([]);
    expect(it.attempts('retry')).toBe(1);
  });

  it.each([
    (port: number) => `http://127.0.0.1:${port}/`,
    (port: number) => `http://localhost:${port}/`,
    (port: number) => `http://[::1]:${port}/`,
    (port: number) => `http://[::ffff:127.0.0.1]:${port}/`,
    (port: number) => `http://0.0.0.0:${port}/`,
    (port: number) => `http://2130706433:${port}/`,
    (port: number) => `http://0x7f.1:${port}/`,
    (port: number) => `http://0177.0.0.01:${port}/`,
  ])('not onto this host unless it is allowed: %s', async (urlOf) => {
    const target = await receiver();
    const it = await world();
    await it.start([{ url: urlOf(target.port), allowPrivate: false }]);
    await it.happen(CALL_A, 'call:open');
    await until('it was tried', () => it.outcomes.length >= 1);
    // Not that it went there and found nobody, as it may at an address that this host lacks.
    expect(it.outcomes[0]).toBe('its name leads to an address that is not allowed');
    expect(target.got).toEqual([]);
  });

  it('not where one of the addresses of a name is private', async () => {
    const target = await receiver();
    const it = await world();
    const resolve: Resolve = async () => [
      { address: '127.0.0.1', family: 4 },
      { address: '1.1.1.1', family: 4 },
    ];
    await it.start([{ url: target.url('hooks.test'), allowPrivate: false }], resolve);
    await it.happen(CALL_A, 'call:open');
    await until('it was tried', () => it.attempts('retry') >= 3);
    expect(target.got).toEqual([]);
    expect(it.health.list()).toMatchObject([
      { code: 'webhook-failing', text: expect.stringContaining('address that is not allowed') },
    ]);
  });

  it('to the address that was checked, whatever the name leads to a moment later', async () => {
    const good = await receiver();
    // Where the system has but one loopback address, a connection to it fails: seen as well.
    const decoy = await receiver(good.port, '127.0.0.2').catch(() => undefined);
    let asked = 0;
    const rebinding: Resolve = async () => {
      asked += 1;
      return [{ address: asked === 1 ? '127.0.0.1' : '127.0.0.2', family: 4 }];
    };
    const it = await world();
    await it.start([{ url: good.url('hooks.test') }], rebinding);
    await it.happen(CALL_A, 'call:open');
    await it.settled();
    expect(asked).toBe(1);
    expect(good.got.map(({ headers }) => headers.host)).toEqual([`hooks.test:${good.port}`]);
    expect(decoy?.got ?? []).toEqual([]);
  });

  it('not over a proxy of the environment', async () => {
    const [proxy, target] = [await receiver(), await receiver()];
    const names = ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'NODE_USE_ENV_PROXY'];
    for (const name of names) process.env[name] = name.startsWith('NODE') ? '1' : proxy.url();
    ends.push(async () => {
      for (const name of names) delete process.env[name];
    });
    const it = await world();
    await it.start([{ url: target.url() }]);
    await it.happen(CALL_A, 'call:open');
    await it.settled();
    expect([proxy.got.length, target.got.length]).toEqual([0, 1]);
  });

  it('a name that leads nowhere is tried again', async () => {
    const target = await receiver();
    let asked = 0;
    const resolve: Resolve = async () => {
      asked += 1;
      if (asked === 1) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
      return [{ address: '127.0.0.1', family: 4 }];
    };
    const it = await world();
    await it.start([{ url: target.url('hooks.test') }], resolve);
    await it.happen(CALL_A, 'call:open');
    await it.settled();
    expect(target.got).toHaveLength(1);
  });
});

describe('at least once, and never again after a 2xx', () => {
  it('after 500s under one id until a 200, and then not even after a restart', async () => {
    const target = await receiver();
    target.behave = (response, n) => response.writeHead(n < 3 ? 500 : 200).end('{}');
    const it = await world();
    await it.start([{ url: target.url() }]);
    await it.happen(CALL_A, 'call:open');
    await until('it was taken', () => target.got.length === 3);
    await it.settled();
    expect(new Set(target.got.map(({ id }) => id)).size).toBe(1);
    await it.stop();
    await it.start([{ url: target.url() }]);
    await it.happen(CALL_A, 'call:answer');
    await it.settled();
    expect(target.types).toEqual(['call:open', 'call:open', 'call:open', 'call:answer']);
  });

  it('goes on after a restart with what nobody took', async () => {
    const target = await receiver();
    target.behave = (response) => response.writeHead(503).end();
    const it = await world();
    await it.start([{ url: target.url() }]);
    await it.happen(CALL_A, 'call:open');
    await it.happen(CALL_A, 'call:claim');
    await until('it was refused', () => target.got.length >= 1);
    await it.stop();
    const before = target.got.length;
    target.behave = (response) => response.writeHead(200).end();
    await it.start([{ url: target.url() }]);
    await it.settled();
    expect(target.types.slice(before)).toEqual(['call:open', 'call:claim']);
    expect(target.got[before]?.id).toBe(target.got[0]?.id);
  });

  it('sends again, under the same id, what was taken too late to be heard of', async () => {
    const target = await receiver();
    target.behave = (response, n) => {
      if (n > 1) response.writeHead(200).end();
      else setTimeout(() => response.writeHead(200).end(), 2 * TIMEOUT_MS);
    };
    const it = await world();
    await it.start([{ url: target.url() }]);
    await it.happen(CALL_A, 'call:open');
    await it.settled();
    expect(target.got).toHaveLength(2);
    expect(target.got[1]?.id).toBe(target.got[0]?.id);
  });

  it('a connection that breaks before the status is tried again', async () => {
    const target = await receiver();
    target.behave = (response, n) => {
      if (n > 1) response.writeHead(200).end();
      else response.socket?.destroy();
    };
    const it = await world();
    await it.start([{ url: target.url() }]);
    await it.happen(CALL_A, 'call:open');
    await it.settled();
    expect(target.got).toHaveLength(2);
  });
});

describe('a receiver that stalls or floods', () => {
  it('holds up no other webhook, and no other call', async () => {
    const [slow, fast] = [await receiver(), await receiver()];
    slow.behave = (response, _, { body }) => {
      // The headers of one call never end.
      if (body.includes(CALL_A)) response.socket?.write('HTTP/1.1 200 OK\r\nx: ');
      else response.writeHead(200).end();
    };
    const it = await world();
    it.timeoutMs = 3_000;
    await it.start([
      { name: 'slow', url: slow.url() },
      { name: 'fast', url: fast.url() },
    ]);
    await it.happen(CALL_A, 'call:open');
    await it.happen(CALL_B, 'call:open');
    const others = () => slow.got.filter(({ body }) => body.includes(CALL_B));
    await until('the others are told', () => fast.got.length === 2 && others().length === 1);
    expect(it.attempts('retry')).toBe(0);
    await until('the stalled one is tried again', () => slow.got.length >= 3);
    expect(others()).toHaveLength(1);
  });

  it.each([
    ['ends never', (response) => void response.writeHead(200).write('{')],
    [
      'is endless',
      (response) => {
        response.writeHead(200);
        const chunk = Buffer.alloc(64 * 1024, 'x');
        const pour = (): void => {
          while (response.write(chunk));
        };
        response.on('drain', pour);
        pour();
      },
    ],
  ] as const satisfies [string, (response: ServerResponse) => void][])(
    'a body that %s is not waited for: the status counts',
    async (_, behave) => {
      const target = await receiver();
      let sent = 0;
      target.behave = (response) => {
        // By then the response has let go of its socket.
        const { socket } = response;
        response.on('close', () => {
          sent += socket?.bytesWritten ?? 0;
        });
        behave(response);
      };
      const it = await world();
      await it.start([{ url: target.url() }]);
      await it.happen(CALL_A, 'call:open');
      await it.settled();
      expect(target.got).toHaveLength(1);
      expect(it.attempts('delivered')).toBe(1);
      await until('the connection is closed', () => sent > 0);
      expect(sent).toBeLessThan(64 * 1024 * 1024);
    },
  );

  it('headers without end, and what is no HTTP, are failures', async () => {
    const target = await receiver();
    target.behave = (response, n) => {
      if (n === 1) response.socket?.end(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(1 << 20)}\r\n\r\n`);
      else if (n === 2) response.socket?.end('220 mail.example.com ESMTP\r\n');
      else response.writeHead(200).end();
    };
    const it = await world();
    await it.start([{ url: target.url() }]);
    await it.happen(CALL_A, 'call:open');
    await it.settled();
    expect(target.got).toHaveLength(3);
    expect(it.attempts('retry')).toBe(2);
  });
});
