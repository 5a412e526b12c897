import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import pc from 'picocolors';
import { inviteFile } from '../bootstrap/service/index.ts';
import { canonicalTuple } from '../protocols/agent-id/index.ts';
import {
  CooeeError,
  LIMITS,
  type Logger,
  type Startable,
  toError,
} from '../protocols/interface/index.ts';
import { matches, parseAddress, parsePattern } from '../protocols/ucxl/index.ts';
import { damaged } from '../storage/durable-file.ts';
import { type Home, openHome } from '../storage/home.ts';
import { completeRestore } from '../storage/home-restore.ts';
import { loadOrCreateAgeIdentity, loadOrCreateNodeKey } from '../storage/keys.ts';
import { EventLog } from './api/event-log.ts';
import { createApiServer } from './api/server.ts';
import type { ApiServices } from './api/services.ts';
import { formatStatus } from './cli/format-status.ts';
import type { UpOptions } from './cli/up-options.ts';
import { Daemon } from './daemon.ts';
import { Host } from './host.ts';
import { listenAddresses, saveListen } from './listen-addresses.ts';
import { handOutRecoveryKey } from './mesh/recovery-key.ts';
import { createSealer } from './sealer/index.ts';
import { createServices } from './services/index.ts';
import { loadSettings, type Settings } from './settings.ts';
import { systemClock } from './system/clock.ts';
import { nodeCrypto, nodeSigner } from './system/crypto.ts';
import { HealthBook } from './system/health.ts';
import { createLogger } from './system/logging.ts';
import { gaugeLoopDelay } from './system/loop-delay.ts';
import { MetricsBook } from './system/metrics.ts';
import { systemRandom } from './system/random.ts';
import { StopSwitch } from './system/stop-switch.ts';
import { programVersion } from './system/version.ts';

export { examineOffline } from './services/doctor/index.ts';

const CONFIG_FILE = 'config.json';
/** LevelDB makes its files as the umask lets it. The sockets set their modes themselves. */
const OWNER_ONLY = 0o077;

/**
 * Runs a daemon on a home until it is told to stop.
 *
 * @returns the exit code
 * @throws CooeeError what keeps it from starting; everything that was opened is closed again
 */
export async function runDaemon(options: UpOptions): Promise<number> {
  process.umask(OWNER_ONLY);
  // It was read. Programs that this one starts have no use for it.
  delete process.env['COOEE_INVITE'];
  checkHostFlags(options);
  // First: the settings may be among what is not in its place.
  await completeRestore(options.home);
  const configFile = options.config ?? join(options.home, CONFIG_FILE);
  const config = await loadSettings(configFile, options.config !== undefined);
  const logger = await createLogger({
    level: options.logLevel ?? config.logLevel,
    pretty: process.stderr.isTTY,
  });
  const stop = new StopSwitch(logger);
  const home = await openHome(options.home, { logger, adopt: options.adopt });
  const opened: (() => Promise<void>)[] = [() => home.close()];
  try {
    const { daemon, servers, services } = await build(options, { config, logger, home, stop });
    // The sockets go last: a caller of `down` takes their end for the end of the daemon.
    for (const server of servers) opened.unshift(() => server.stop());
    opened.unshift(() => home.close());
    opened.unshift(() => daemon.stop());
    for (const server of servers) await server.start();
    await Promise.race([daemon.start(options.join, options.joinOrFail), stop.pulled]);
    if (!stop.isPulled) {
      await saveListen(home, daemon.node.parts.network.listening);
      // The installer removes it too, unless it was killed or had no patience.
      await rm(inviteFile(home.path), { force: true });
      await greet(options, { daemon, services, home });
      await stop.pulled;
    }
    return stop.exitCode;
  } finally {
    stop.limit();
    for (const close of opened) {
      await close().catch((error: unknown) => {
        logger.warn({ err: toError(error) }, 'a part did not close in order');
      });
    }
    stop.done();
  }
}

/** A mistyped flag is told at once, not when the first agent is enrolled. */
function checkHostFlags({ hostname: name = 'x', mac = '020000000001' }: UpOptions): void {
  canonicalTuple({ model: 'x', hostname: name, mac, gpu_id: 0 });
}

/** A member with a new key would be a stranger to its mesh, and nothing would tell why. */
function assertKeyOfMesh(home: Home): void {
  const file = home.file('node.key');
  if (existsSync(file) || !existsSync(home.file('mesh/mesh.json'))) return;
  throw damaged(file, 'is gone, and with it who this node is in its mesh');
}

interface BuildContext {
  readonly config: Settings;
  readonly logger: Logger;
  readonly home: Home;
  readonly stop: StopSwitch;
}

interface Built {
  readonly daemon: Daemon;
  readonly servers: readonly Startable[];
  readonly services: ApiServices;
}

async function build(options: UpOptions, context: BuildContext): Promise<Built> {
  const { config, logger, home, stop } = context;
  const health = new HealthBook(logger.child('cooee:daemon:health'));
  const metrics = new MetricsBook();
  gaugeLoopDelay(metrics, systemClock);
  assertKeyOfMesh(home);
  const privateKey = await loadOrCreateNodeKey(home);
  const age = await loadOrCreateAgeIdentity(home, config.seal);
  const events = new LateEvents();
  const common = { clock: systemClock, random: systemRandom, crypto: nodeCrypto, logger };
  const host = new Host(
    { home, health, clock: systemClock, logger },
    { config, hostname: options.hostname, mac: options.mac },
  );
  const daemon = new Daemon(
    {
      ...common,
      home,
      health,
      metrics,
      privateKey,
      signer: nodeSigner(privateKey),
      host,
      sealer: createSealer({ identities: [age.identity], clock: systemClock, logger }),
      onEvent: (event) => events.publish(event),
      onNode: (boot, startIndex) => events.begin(boot, startIndex),
      onFatal: (error) => stop.fail(error),
    },
    {
      config,
      name: options.hostname ?? (await host.givenHostname()) ?? hostname(),
      recipient: age.recipient,
      listen: await listenAddresses(home, options.listen, config.listen),
      mdns: options.mdns ?? config.mdns,
    },
  );
  const socket = options.socket ?? home.file('cooee.sock');
  const agentSocket = agentSocketOf(options, home);
  const services = createServices({
    ...common,
    daemon,
    metrics,
    events,
    version: programVersion(),
    home: home.path,
    socket,
    agentSocket,
    name: daemon.init.name,
    stop: () => stop.pull(),
  });
  const server = { services, logger: logger.child('cooee:api'), metrics, clock: systemClock };
  const group = options.agentGroup ?? config.agentGroup;
  const servers = [
    createApiServer(server, { socketPath: socket, rights: 'operator', mode: 0o600 }),
    createApiServer(server, {
      socketPath: agentSocket,
      rights: 'agent',
      ...(group === undefined ? { mode: 0o600 } : { mode: 0o660, group }),
    }),
  ];
  return { daemon, servers, services };
}

/** In the home; where the path of that is too long, beside the operator socket that was given. */
function agentSocketOf({ agentSocket, socket }: UpOptions, home: Home): string {
  const inHome = home.file('agent.sock');
  const isTooLong = Buffer.byteLength(inHome) > LIMITS.socketPathBytesMax;
  if (agentSocket !== undefined || socket === undefined || !isTooLong) return agentSocket ?? inHome;
  return `${socket.replace(/\.sock$/, '')}.agent.sock`;
}

/** The log of events begins with the first node: its ids carry the number of that start. */
class LateEvents {
  #log: EventLog | undefined;

  begin(boot: number, startIndex: number): void {
    const matchAddress = (text: string) => {
      const pattern = parsePattern(text);
      return (address: string): boolean => matches(pattern, parseAddress(address));
    };
    this.#log ??= new EventLog({ clock: systemClock, matchAddress }, { boot, startIndex });
  }

  publish(event: Parameters<EventLog['publish']>[0]): void {
    this.#log?.publish(event);
  }

  subscribe(init: Parameters<EventLog['subscribe']>[0]): ReturnType<EventLog['subscribe']> {
    if (this.#log === undefined) throw new CooeeError('ERR_API_STARTING');
    return this.#log.subscribe(init);
  }
}

/** Says on stdout what runs now and what to type next. */
async function greet(
  options: UpOptions,
  parts: { readonly daemon: Daemon; readonly services: ApiServices; readonly home: Home },
): Promise<void> {
  const { daemon, services, home } = parts;
  const status = await services.status();
  if (options.json) {
    process.stdout.write(`${JSON.stringify(status)}\n`);
  } else {
    const peer = daemon.components.signer.peer;
    // Not by the service, which shows nothing while the state is being rebuilt: a start is no
    // request.
    const page = daemon.node.parts.capability.pageJson({ peer, limit: 16 });
    const { agents } = JSON.parse(page);
    const colour = pc.createColors(options.colour);
    process.stdout.write(formatStatus(status, agents, { command: options.command, colour }));
  }
  await handOutRecoveryKey(home, {
    seed: daemon.takeRecoverySeed(),
    terminal: process.stdout.isTTY && !options.json ? process.stdout : undefined,
    remark: (text) => void process.stderr.write(text),
  });
}
