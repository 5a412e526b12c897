import { z } from 'zod';

const claims = z.object({ sub: z.string().min(1).max(64) });

/**
 * The agent that a ticket (a JWT, RFC 7519) names, so that nobody has to say it again. Only read:
 * whether the ticket is good is for the daemon to say.
 *
 * @throws CooeeError what `ticket` throws
 */
export async function agentOfTicket(
  ticket: (() => Promise<string>) | undefined,
): Promise<string | undefined> {
  const [, payload = ''] = (await ticket?.())?.split('.') ?? [];
  try {
    const text = Buffer.from(payload, 'base64url').toString('utf8');
    return claims.safeParse(JSON.parse(text)).data?.sub;
  } catch {
    return undefined; // no ticket, or a mangled one, which the daemon refuses by name
  }
}
