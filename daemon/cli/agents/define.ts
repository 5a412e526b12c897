import { type Command, Option } from 'commander';
import { collect } from '../input/collect.ts';
import type { Act } from '../program.ts';

const ANNOUNCED = ['idle', 'busy', 'draining', 'offline'];

/** Commands about agents and their ids. */
export function defineAgentCommands(program: Command, act: Act): void {
  defineAgents(program, act);
  defineEnrol(program, act);
  program
    .command('retire')
    .description('retire an agent; its token is given to no other')
    .argument('<token>', 'the token of the agent')
    .action((token: string) =>
      act(async (context) => (await import('./retire.ts')).runRetire(context, token)),
    );
  defineAnnounce(program, act);
  defineSessions(program, act);
  program
    .command('resolve')
    .description('show the agent, or the agents, that an id stands for')
    .argument('<what>', "token, hash, tiny hash, '#NUMBER' (quoted) or address")
    .action((what: string) =>
      act(async (context) => (await import('./resolve.ts')).runResolve(context, what)),
    );
  defineId(program, act);
}

function defineAgents(program: Command, act: Act): void {
  const agents = program
    .command('agents')
    .description('list the agents of the mesh')
    .option('--capability <capability>', 'that have this capability')
    .addOption(
      new Option('--status <status>', 'that are in this state').choices([
        ...ANNOUNCED,
        'unreachable',
        'retired',
      ]),
    )
    .option('--model <prefix>', 'whose model begins with this')
    .option('--q <text>', 'that have this text in any field')
    .option('--limit <count>', 'at most so many (default: all)')
    .action((options) =>
      act(async (context) => (await import('./agents.ts')).runAgents(context, options)),
    );
  agents
    .command('rebind')
    .description('give the host of an agent to another node (admins)')
    .argument('<token>', 'the token of one of its agents')
    .argument('<peer>', 'the node that the host belongs to from now on')
    .action((token: string, peer: string) =>
      act(async (context) => (await import('./agents.ts')).runRebind(context, token, peer)),
    );
}

function defineEnrol(program: Command, act: Act): void {
  program
    .command('enrol')
    .alias('enroll')
    .description('give models of this host their ids; without --model you pick from what it has')
    .option('--model <model>', 'the model; may repeat', collect)
    .option('--gpu <index>', 'the GPU that it runs on, 0-15 (default: 0)')
    .option('--gpu-info <text>', 'what to remember of the GPU; only the leader sees it')
    .option('--wait', 'answer when the ids are granted')
    .action((options) =>
      act(async (context) => (await import('./enrol.ts')).runEnrol(context, options)),
    );
}

function defineAnnounce(program: Command, act: Act): void {
  program
    .command('announce')
    .description('announce what an agent of this host can do; what is not given stays')
    .argument('<token>', 'the token of the agent')
    .addOption(new Option('--status <status>', 'how it is').choices(ANNOUNCED))
    .option('--capability <capability>', 'may repeat; the list replaces the old one', collect)
    .option('--load <permille>', 'its load, 0-1000')
    .option('--max-tasks <count>', 'how many tasks it takes at once')
    .option('--tasks <count>', 'how many it has now')
    .action((token: string, options) =>
      act(async (context) => (await import('./announce.ts')).runAnnounce(context, token, options)),
    );
}

function defineSessions(program: Command, act: Act): void {
  const sessions = program
    .command('sessions')
    .description('list the tickets that are good; a program with one acts as its agent')
    .action(() => act(async (context) => (await import('./sessions.ts')).runSessions(context)));
  sessions
    .command('create')
    .description('make a ticket for an agent of this host; stdout is the ticket alone')
    .argument('<token>', 'the token of the agent')
    .option('--out <file>', 'write it to this file, for its owner alone, instead')
    .action((token: string, options) =>
      act(async (context) => (await import('./sessions.ts')).runCreate(context, token, options)),
    );
  sessions
    .command('revoke')
    .description('refuse a ticket from now on')
    .argument('<id>', 'the id of the session, or at least 6 characters of its beginning')
    .action((id: string) =>
      act(async (context) => (await import('./sessions.ts')).runRevoke(context, id)),
    );
}

function defineId(program: Command, act: Act): void {
  const id = program.command('id').description('work with tokens; needs no daemon');
  id.command('encode')
    .description('make a token')
    .requiredOption('--host <number>', 'the number: 0-1023, in version 2 from 1024')
    .requiredOption('--gpu <slot>', 'the GPU slot, 0-15')
    .option('--version <version>', 'the version of the token (default: 1)')
    .option('--reserved <bits>', 'the reserved bits (default: 0)')
    .action((options) =>
      act(async (context) => (await import('./id.ts')).runEncode(context, options)),
    );
  id.command('decode')
    .description('read a token')
    .argument('<token>', 'the token; case, hyphens and I L O are forgiven')
    .action((token: string) =>
      act(async (context) => (await import('./id.ts')).runDecode(context, token)),
    );
}
