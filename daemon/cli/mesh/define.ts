import { Argument, type Command, Option } from 'commander';
import { addDaemonOptions } from '../node/define.ts';
import type { Act } from '../program.ts';

const ROLES = ['admin', 'curator', 'member'];
const PEER = 'a peer id, a member name, or at least 6 characters of either end of a peer id';

/** Commands about the mesh and who is in it. */
export function defineMeshCommands(program: Command, act: Act): void {
  program
    .command('invite')
    .description('issue an invite; stdout is the invite alone')
    .option('--uses <count>', 'how many hosts may join with it (default: 1)')
    .option('--ttl <time>', 'how long it is valid: 30s, 90m, 24h, 7d (default: 24h)')
    .addOption(
      new Option('--role <role>', 'role of who joins with it (default: member)').choices(ROLES),
    )
    .action((options) =>
      act(async (context) => (await import('./invite.ts')).runInvite(context, options)),
    );
  defineInvites(program, act);
  const join = program
    .command('join')
    .description('join a mesh; without a daemon it runs one in the foreground, like up --join')
    .argument('[invite]', 'INVITE, - for stdin, or @FILE (else: COOEE_INVITE)');
  addDaemonOptions(join).action((invite: string | undefined, options) =>
    act(async (context) => (await import('./join.ts')).runJoin(context, invite, options)),
  );
  program
    .command('leave')
    .description('leave the mesh; it is set aside in the home')
    .action(() => act(async (context) => (await import('./leave.ts')).runLeave(context)));
  defineRecover(program, act);
  defineLeader(program, act);
  defineSettings(program, act);
  defineMembers(program, act);
}

function defineInvites(program: Command, act: Act): void {
  const invites = program
    .command('invites')
    .description('list the invites that still let somebody in; never their secrets')
    .action(() => act(async (context) => (await import('./invites.ts')).runInvites(context)));
  invites
    .command('revoke')
    .description('take an invite back: nobody gets in with it any more (admins)')
    .argument('<id>', 'the id of the invite, or at least 6 characters of its beginning')
    .action((id: string) =>
      act(async (context) => (await import('./invites.ts')).runRevoke(context, id)),
    );
}

function defineMembers(program: Command, act: Act): void {
  const members = program
    .command('members')
    .description('list the members of the mesh')
    .action(() => act(async (context) => (await import('./members.ts')).runMembers(context)));
  members
    .command('remove')
    .description('remove a member (admins)')
    .argument('<peer>', PEER)
    .action((peer: string) =>
      act(async (context) => (await import('./members.ts')).runRemove(context, peer)),
    );
  members
    .command('role')
    .description('change the role of a member (admins)')
    .argument('<peer>', PEER)
    .addArgument(new Argument('<role>', 'its new role').choices(ROLES))
    .action((peer: string, role: string) =>
      act(async (context) => (await import('./members.ts')).runRole(context, peer, role)),
    );
}

function defineRecover(program: Command, act: Act): void {
  program
    .command('recover')
    .description('go on from this node when a majority of the voters is lost for good')
    .option('--key <source>', 'the recovery key: @FILE, or - for stdin (default: it is asked for)')
    .option('--lost <peer...>', `voters that are lost: ${PEER}`)
    .option('--yes', 'all voters that do not answer are lost')
    .option('--choose <id>', 'after two recoveries: the one that goes on, from a node of it')
    .option('--dry-run', 'only say what would happen')
    .action((options) =>
      act(async (context) => (await import('./recover.ts')).runRecover(context, options)),
    );
}

function defineLeader(program: Command, act: Act): void {
  const leader = program
    .command('leader')
    .description('show the leader and the age recipient that enrolments are sealed to')
    .action(() => act(async (context) => (await import('./leader.ts')).runLeader(context)));
  leader
    .command('transfer')
    .description('hand leadership to another voter (admins)')
    .argument('[peer]', `${PEER} (default: the voter that is furthest)`)
    .action((peer: string | undefined) =>
      act(async (context) => (await import('./leader.ts')).runTransfer(context, peer)),
    );
}

function defineSettings(program: Command, act: Act): void {
  const mesh = program
    .command('mesh')
    .description('show what holds for the whole mesh: name, level, voters')
    .action(() => act(async (context) => (await import('./settings.ts')).runMesh(context)));
  mesh
    .command('set')
    .description('change it (admins)')
    .option('--name <name>', 'a new name')
    .addOption(
      new Option('--voters <count>', 'how many members vote').choices(['auto', '1', '3', '5']),
    )
    .option('--level <level>', 'raise the level; every member must support it')
    .action((options) =>
      act(async (context) => (await import('./settings.ts')).runSet(context, options)),
    );
}
