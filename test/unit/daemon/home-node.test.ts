import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { HomeNode, type HomeNodeComponents } from '../../../daemon/home-node.ts';
import { foundMesh } from '../../../daemon/mesh/founding.ts';
import { type MeshFile, MeshFolder } from '../../../daemon/mesh/mesh-folder.ts';
import { openMeshStores } from '../../../daemon/mesh/stores.ts';
import { systemClock } from '../../../daemon/system/clock.ts';
import { nodeCrypto, nodeSigner } from '../../../daemon/system/crypto.ts';
import { HealthBook } from '../../../daemon/system/health.ts';
import { MetricsBook } from '../../../daemon/system/metrics.ts';
import { systemRandom } from '../../../daemon/system/random.ts';
import { type Clock, silentLogger } from '../../../protocols/interface/index.ts';
import { type Home, openHome } from '../../../storage/home.ts';
import { loadOrCreateNodeKey } from '../../../storage/keys.ts';
import { freePort } from '../../mesh/harness.ts';
import { temporaryFolders } from '../storage/temporary-folder.ts';

// Goal: once a node was stopped nothing of it uses its home, its port or its time, at whatever
// moment of its start that was. Method: a real node, alone in its mesh.

const newFolder = temporaryFolders();
/** Timers that wait, and who set them. */
const waiting = new Set<object>();
const clock: Clock = {
  ...systemClock,
  schedule: (delayMs, task) => {
    const own = { by: new Error('not over').stack };
    waiting.add(own);
    const timer = systemClock.schedule(delayMs, () => {
      waiting.delete(own);
      task();
    });
    return {
      cancel: () => {
        waiting.delete(own);
        timer.cancel();
      },
    };
  },
};

let home: Home;
let folder: MeshFolder;
let port: number;
let node: HomeNode;
let file: MeshFile;
/** Called when a node is built and not started yet. */
let onBuilt: () => void;

/** A home in which one call comes to its end only when it may. */
function homeThatWaits(name: 'nextBoot' | 'finishAdoption', until: () => Promise<void>): Home {
  return new Proxy(home, {
    get: (target, property) => {
      if (property === 'adopted') return name === 'finishAdoption';
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]) => {
        if (property === name) await until();
        return await (value as (...all: unknown[]) => unknown).apply(target, args);
      };
    },
  });
}

async function nodeOf(own: Home): Promise<HomeNode> {
  const privateKey = await loadOrCreateNodeKey(home);
  const idle = { start: async () => undefined, stop: async () => undefined };
  const nothing = (): void => undefined;
  const components = {
    ...{ home: own, folder, privateKey, clock, logger: silentLogger, sealer: idle },
    ...{ signer: nodeSigner(privateKey), crypto: nodeCrypto, random: systemRandom },
    ...{ health: new HealthBook(silentLogger), metrics: new MetricsBook() },
    ...{ onEvent: nothing, onFatal: nothing, startAgain: nothing, onSuperseded: nothing },
    onNode: () => onBuilt(),
  } as unknown as HomeNodeComponents;
  const listen = [`/ip4/127.0.0.1/tcp/${port}`];
  const settings = { config: {}, name: 'alpha', recipient: 'age1x', listen, mdns: false };
  return new HomeNode(components, settings as unknown as ConstructorParameters<typeof HomeNode>[1]);
}

beforeEach(async () => {
  waiting.clear();
  onBuilt = () => undefined;
  home = await openHome(join(await newFolder(), 'home'), { logger: silentLogger });
  folder = new MeshFolder(home.path);
  port = freePort();
  node = await nodeOf(home);
  const { boot } = await node.nextStart();
  const { log } = await node.openStores();
  const signer = nodeSigner(await loadOrCreateNodeKey(home));
  const parts = { signer, crypto: nodeCrypto, clock, random: systemRandom, log };
  ({ file } = await foundMesh(parts, { name: 'alpha', boot }));
  await folder.save(file);
  await node.tearDown();
  return () => home.close();
});

async function expectNothingLeft(): Promise<void> {
  expect([node.node, node.stores]).toEqual([undefined, undefined]);
  expect([...waiting]).toEqual([]);
  // Whoever has a store open has it alone.
  const stores = await openMeshStores(folder, {
    logger: silentLogger,
    clock,
    onFatal: () => undefined,
  });
  await stores.close();
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  await new Promise((resolve) => server.close(resolve));
}

it('is stopped while it is up, and is brought up no more', async () => {
  await node.bringUp(file);
  expect(node.node?.parts.meshLog.appliedIndex).toBeGreaterThan(0);
  await node.stop();
  await expectNothingLeft();
  await expect(node.bringUp(file)).rejects.toMatchObject({ code: 'ERR_API_STARTING' });
  await expectNothingLeft();
});

it.each(['nextBoot', 'finishAdoption'] as const)(
  'is stopped while it waits in %s',
  async (name) => {
    const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
    const { promise: allowed, resolve: allow } = Promise.withResolvers<void>();
    const waits = homeThatWaits(name, async () => {
      reach();
      await allowed;
    });
    node = await nodeOf(waits);
    const rising = node.bringUp(file);
    const risen = rising.then(
      () => 'up',
      () => 'not up',
    );
    await reached;
    let isStopped = false;
    const stopping = node.stop().then(() => {
      isStopped = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    // What is being brought up may open the stores yet.
    expect(isStopped).toBe(false);
    allow();
    await stopping;
    expect(await risen).toBe('not up');
    await expectNothingLeft();
  },
);

// How many turns of the event loop its start is in when it is stopped.
it.each([0, 1, 2, 4, 8, 16, 32])('is stopped in turn %d of its start', async (turns) => {
  const { promise: built, resolve } = Promise.withResolvers<void>();
  onBuilt = resolve;
  const risen = node.bringUp(file).then(
    () => 'up',
    () => 'not up',
  );
  await built;
  for (let turn = 0; turn < turns; turn++) await new Promise((wake) => setImmediate(wake));
  await node.stop();
  // It may have been up just then.
  expect(['up', 'not up']).toContain(await risen);
  await expectNothingLeft();
});
