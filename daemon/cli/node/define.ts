import { type Command, Option } from 'commander';
import { collect } from '../input/collect.ts';
import type { Act } from '../program.ts';
import { LOG_LEVELS } from '../up-options.ts';

/** Commands about the daemon on this host. */
export function defineNodeCommands(program: Command, act: Act): void {
  defineUp(program, act);
  program
    .command('down')
    .description('stop the daemon of this home, and wait until it has')
    .action(() => act(async (context) => (await import('./down.ts')).runDown(context)));
  program
    .command('status')
    .description('show the state of this node')
    .option('--ready', 'exit 1 while the node is joining or has no leader')
    .action((options) =>
      act(async (context) => (await import('./status.ts')).runStatus(context, options)),
    );
  program
    .command('doctor')
    .description('check this node: one line a check, with cause and remedy; exit 1 when one fails')
    .action(() => act(async (context) => (await import('./doctor.ts')).runDoctor(context)));
  program
    .command('why')
    .description('explain one thing: why it is not here, was refused, or still waits')
    .argument('<thing>', 'a peer, a token, a call, a submission, an address, or a part of an id')
    .action((thing: string) =>
      act(async (context) => (await import('./why.ts')).runWhy(context, thing)),
    );
  defineEvents(program, act);
  program
    .command('completion')
    .description('print a completion script for a shell')
    .argument('<shell>', 'bash, zsh or fish')
    .action((shell: string) =>
      act(async (context) =>
        (await import('./completion.ts')).runCompletion(context, program, shell),
      ),
    );
}

function defineUp(program: Command, act: Act): void {
  const up = program
    .command('up')
    .alias('start')
    .description('run the daemon in the foreground; on an empty home it makes a mesh of its own')
    .option('--join <invite>', 'join a mesh: INVITE, - for stdin, or @FILE (also: COOEE_INVITE)')
    .option('--adopt', 'take over a home that was made on another machine');
  addDaemonOptions(up).action((options) =>
    act(async (context) => (await import('./up.ts')).runUp(context, options)),
  );
}

/** Options of the commands that run a daemon: `up`, and `join` where none runs yet. */
export function addDaemonOptions(command: Command): Command {
  return command
    .option('--listen <address>', 'multiaddr to listen on; may repeat', collect)
    .option('--hostname <name>', "the hostname of this host's agents, instead of the system's")
    .option('--mac <address>', "the MAC address of this host's agents, instead of the system's")
    .option('--no-mdns', 'neither announce this node in the local network nor look for others')
    .option('--agent-socket <path>', 'the agent socket (default: agent.sock in the home)')
    .option('--agent-group <group>', 'the group that may use the agent socket')
    .option('--config <file>', 'the configuration file')
    .addOption(new Option('--log-level <level>', 'how much to log').choices(LOG_LEVELS));
}

function defineEvents(program: Command, act: Act): void {
  program
    .command('events')
    .description('watch what happens, live; with --json one JSON object a line')
    .option('--match <pattern>', 'a UCXL pattern or an event type like member:*; commas separate')
    .option('--since <id>', 'go on after the event with that id')
    .action((options) =>
      act(async (context) => (await import('./events.ts')).runEvents(context, options)),
    );
}
