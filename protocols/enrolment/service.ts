import type { Startable } from '../interface/index.ts';
import type { AppliedCommands } from './applied.ts';
import { EnrolmentIntake, type IntakeComponents, type IntakeInit } from './intake/intake.ts';
import { EnrolmentPublisher, type PublisherComponents } from './publish/publisher.ts';
import type { SenderInit } from './publish/sender.ts';
import { EnrolTopic } from './topic.ts';

/** What enrolment is built from. */
export type EnrolmentComponents = Omit<PublisherComponents, 'deliver'> &
  Omit<IntakeComponents, 'answer'>;

/** Settings of enrolment. */
export interface EnrolmentInit {
  readonly publisher?: SenderInit;
  readonly intake?: IntakeInit;
}

/** Both sides of enrolment on one node. */
export interface Enrolment extends Startable {
  readonly publisher: EnrolmentPublisher;
  readonly intake: EnrolmentIntake;
  /** To be called after each entry was applied. */
  onEntryApplied(applied: AppliedCommands): void;
  /** To be called when a peer connects. */
  onPeer(): void;
}

/** Builds publisher and intake on the enrol topic. */
export function createEnrolment(
  components: EnrolmentComponents,
  init: EnrolmentInit = {},
): Enrolment {
  const topic = new EnrolTopic({ ...components, self: components.signer.peer });
  const answer: IntakeComponents['answer'] = (refusal) => topic.answer(refusal);
  const intake = new EnrolmentIntake({ ...components, answer }, init.intake);
  const deliver: PublisherComponents['deliver'] = (origin, request) =>
    void intake.receive(origin, request);
  const publisher = new EnrolmentPublisher({ ...components, deliver }, init.publisher);
  return {
    publisher,
    intake,
    onEntryApplied: (applied) => publisher.onEntryApplied(applied),
    onPeer: () => publisher.onPeer(),
    async start() {
      topic.attach({
        onRequest: (origin, request) => intake.receive(origin, request),
        onAnswer: (origin, refusal) => publisher.onAnswer(origin, refusal),
      });
      await publisher.start();
    },
    stop: () => publisher.stop(),
  };
}
