import { EngineUnavailableError } from '#lib/engine/ports.ts'
import { DirectoryRefusal } from '#lib/mail/accounts/refusal.ts'
import { CommandError } from './commandError.ts'

/** What AWS answers when whoever asks may not do this, or asks in the wrong place. Names of its errors, as its documentation has them. */
const refusals = new Set(['AccessDenied', 'AccessDeniedException', 'UnrecognizedClientException', 'InvalidClientTokenId', 'InvalidAccessKeyId', 'SignatureDoesNotMatch', 'InvalidSignatureException', 'ResourceNotFoundException', 'NoSuchBucket', 'QueueDoesNotExist', 'AWS.SimpleQueueService.NonExistentQueue', 'PermanentRedirect'])

/** One sentence for what a person can mend; undefined for a bug, which is shown whole. */
export function sentenceOf(error: unknown): string | undefined {
  if (error instanceof CommandError || error instanceof DirectoryRefusal || error instanceof EngineUnavailableError) return error.message
  if (error instanceof Error && refusals.has(error.name)) return `AWS refuses this: ${error.message} (${error.name})`
  return undefined
}
