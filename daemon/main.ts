#!/usr/bin/env node
// No static import: everything else needs a newer Node than some machines have, and a person on an
// old one shall read a sentence, not a stack trace. So this file uses nothing that Node 14 does not
// know.

const NODE_MIN = [22, 12] as const;
const EXIT_GRACE_MS = 100;

let isDaemon = false;

function isNodeNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
}

async function main(): Promise<number> {
  if (!isNodeNewEnough(process.versions.node)) {
    const wanted = NODE_MIN.join('.');
    process.stderr.write(
      `cooee: needs Node.js ${wanted} or newer, and this is ${process.versions.node}; install a ` +
        'newer one, or in a checkout use npm start and npx cooee, which bring their own\n',
    );
    return 1;
  }
  const { processHost, runCli } = await import('./cli/index.ts');
  return runCli(
    process.argv.slice(2),
    processHost({
      loadDaemon: async () => {
        await keepHeapSmall();
        const daemon = await import('./run.ts');
        const runDaemon: typeof daemon.runDaemon = (options) => {
          isDaemon = true;
          return daemon.runDaemon(options);
        };
        return { ...daemon, runDaemon };
      },
      loadBackup: async () => (await import('./backup/index.ts')).backupTools,
      watchHolder: async (home) => (await import('./system/home-holder.ts')).watchHolder(home),
    }),
  );
}

/**
 * V8 gives new objects up to 48 MB while our modules load, and keeps them. A daemon lives beside
 * models that need the memory: without growth it has 20 MB less at rest. system/heap.ts lets it
 * grow when there is work. A V8 without this flag says so on stderr and goes on.
 */
async function keepHeapSmall(): Promise<void> {
  const { setFlagsFromString } = await import('node:v8');
  setFlagsFromString('--semi-space-growth-factor=1');
}

/** Resolves when all that was written is with its reader, who may be a pager; or nobody reads. */
function taken(output: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (output.writableLength === 0) resolve();
    else output.write('', () => resolve());
  });
}

process.exitCode = await main();
// A daemon that was stopped ends whether or not anybody reads what it said.
if (!isDaemon) await Promise.all([process.stdout, process.stderr].map(taken));
// What had to be closed is closed; libraries leave timers behind that would keep the process for
// seconds. Not at once, and only if the loop still runs by then.
setTimeout(() => process.exit(), EXIT_GRACE_MS).unref();

// Makes this file a module although it imports nothing.
export {};
