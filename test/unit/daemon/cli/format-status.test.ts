import { describe, expect, it } from 'vitest';
import { formatStatus } from '../../../../daemon/cli/format-status.ts';
import { agent, PEER_A, PEER_B, status } from './fake-host.ts';

const NONE = { id: '', name: '', level: 0, votersTarget: 'auto' } as const;

describe('formatStatus', () => {
  it('shows a mesh of one with the next command to type', () => {
    expect(formatStatus(status(), [], { command: 'npx cooee' })).toBe(
      `mesh       alpha  bafymesh
node       alpha  admin, voter
peer       ${PEER_A}
leader     this node  term 1, index 7
peers      0 connected, 1 member in the mesh
addresses  /ip4/192.168.1.4/tcp/26633
           /ip4/127.0.0.1/tcp/26633
sockets    /h/cooee.sock  (operator)
           /h/agent.sock  (agents)
home       /h
agents     none on this host

next  npx cooee invite   (prints an invite for the next host)
`,
    );
  });

  it('shows trouble, with remedies as they are typed here', () => {
    const base = status();
    const text = formatStatus(
      status({
        role: 'replica',
        memberRole: 'member',
        slurp: { ...base.slurp, leader: null, isLeader: false },
        peers: { connected: 1, members: 3 },
        outbox: { waiting: 2 },
        health: {
          ok: false,
          conditions: [
            {
              code: 'no-leader',
              severity: 'error',
              text: 'The mesh has no leader\u001b[2J.',
              remedy: 'See: cooee doctor',
            },
          ],
        },
      }),
      [agent(), agent({ token: '4001Y', model: 'phi\u202e3', gpuId: '0', status: 'busy' })],
      { command: 'cooee --home /h' },
    );
    expect(text).toContain('leader     none right now\n');
    expect(text).toContain(
      'agents     458RV  llama3-70b  gpu 3  idle\n           4001Y  phi3  gpu 0  busy\n',
    );
    expect(text).toContain('outbox     2 waiting for the leader\n');
    expect(text).toContain(
      '\nerror: no-leader  The mesh has no leader.\n  See: cooee --home /h doctor\n',
    );
    expect(text).toContain('\nnext  cooee --home /h agents ');
  });

  it('says how far it is behind, and who leads', () => {
    const slurp = { ...status().slurp, leader: PEER_B, isLeader: false, commitIndex: 9 };
    const text = formatStatus(status({ slurp }), [], { command: 'cooee' });
    expect(text).toContain(`leader     ${PEER_B}  term 1, index 7 (2 behind)\n`);
  });

  it('is short on a host with many agents', () => {
    const many = Array.from({ length: 256 }, () => agent());
    const text = formatStatus(status(), many, { command: 'cooee' });
    expect(text).toContain('           and 248 more\n');
    expect(text.split('\n').length).toBeLessThan(30);
  });

  it('points a joining node to the doctor', () => {
    const text = formatStatus(status({ role: 'joining', memberRole: null, mesh: NONE }), [], {
      command: 'cooee',
    });
    expect(text).toContain('mesh       (none yet)\n');
    expect(text).toContain('node       alpha  joining\n');
    expect(text).toContain('next  cooee doctor');
  });

  it('sends a removed node out of the mesh, not to its agents', () => {
    const removed = { code: 'removed', severity: 'error', text: 'Removed.', remedy: '' } as const;
    const view = status({
      ...{ role: 'replica', memberRole: null, peers: { connected: 0, members: 2 } },
      health: { ok: false, conditions: [removed] },
    });
    expect(formatStatus(view, [agent()], { command: 'cooee' })).toContain('\nnext  cooee leave ');
  });
});
