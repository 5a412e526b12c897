/** The thread of the sealer: one job at a time, each answered once. Started by ./thread.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { Decrypter, Encrypter } from 'age-encryption';
import type { SealAnswer, SealJob, SealWorkerData } from './jobs.ts';

const { identities } = workerData as SealWorkerData;
const decrypter = new Decrypter();
for (const identity of identities) decrypter.addIdentity(identity);

async function work(job: SealJob): Promise<SealAnswer> {
  return job.kind === 'seal' ? await seal(job.recipient, job.bytes) : await open(job.bytes);
}

async function seal(recipient: string, bytes: Uint8Array): Promise<SealAnswer> {
  const encrypter = new Encrypter();
  try {
    encrypter.addRecipient(recipient);
  } catch {
    return { ok: false, reason: 'recipient' };
  }
  return { ok: true, bytes: await encrypter.encrypt(bytes) };
}

async function open(bytes: Uint8Array): Promise<SealAnswer> {
  try {
    return { ok: true, bytes: await decrypter.decrypt(bytes) };
  } catch {
    return { ok: false, reason: 'sealed' };
  }
}

parentPort?.on('message', (job: SealJob) => {
  // A job that throws something else ends the thread: the pool sees it and starts another.
  void work(job).then((answer) => parentPort?.postMessage(answer));
});
