/** Log lines to standard output, all of one turn of the event loop in one write: a busy server says thousands a second. */
export function makeLineWriter(write: (text: string) => void): { readonly write: (line: string) => void; readonly flush: () => void } {
  let waiting: string[] = []
  const flush = (): void => {
    const text = waiting.join('')
    waiting = []
    if (text !== '') write(text)
  }
  return {
    write: (line) => {
      if (waiting.push(line) === 1) setImmediate(flush)
    },
    flush,
  }
}
