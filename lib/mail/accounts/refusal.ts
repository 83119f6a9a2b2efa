export type DirectoryRefusalCode = 'exists' | 'missing' | 'invalid' | 'in-use'

/** An expected "no" of the directory. Its message is a sentence for people; nothing was changed. */
export class DirectoryRefusal extends Error {
  override readonly name = 'DirectoryRefusal'
  readonly code: DirectoryRefusalCode

  constructor(code: DirectoryRefusalCode, message: string) {
    super(message)
    this.code = code
  }
}
