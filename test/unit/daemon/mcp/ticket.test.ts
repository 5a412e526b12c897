import { describe, expect, it } from 'vitest';
import { agentOfTicket } from '../../../../daemon/mcp/ticket.ts';

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const ticket = (claims: unknown) => async () => `${part({ alg: 'EdDSA' })}.${part(claims)}.c2ln`;

describe('agentOfTicket', () => {
  it('is the subject of the ticket', async () => {
    expect(await agentOfTicket(ticket({ sub: '458RV' }))).toBe('458RV');
  });

  it.each([
    ['no ticket', undefined],
    ['no JWT', async () => 'rubbish'],
    ['no JSON', async () => 'a.b.c'],
    ['no subject', ticket({ sub: 7 })],
  ])('is nobody when there is %s', async (_, given) => {
    expect(await agentOfTicket(given)).toBeUndefined();
  });

  it('passes on why a ticket cannot be read', async () => {
    await expect(agentOfTicket(() => Promise.reject(new Error('gone')))).rejects.toThrow('gone');
  });
});
