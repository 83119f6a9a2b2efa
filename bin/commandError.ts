/** A mistake of the caller: printed as one sentence, exit code 1. Anything else is a bug and printed whole. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}
