/** Work that goes on by itself until it is told to stop. */
export interface Background {
  /** Resolves when what is in hand is done. */
  stop(): Promise<void>
}

/** Begins at once. `work` ends soon after its signal is aborted, and reports its failures itself: `stop` throws what it throws. */
export function runInBackground(work: (signal: AbortSignal) => Promise<void>): Background {
  const end = new AbortController()
  const running = work(end.signal)
  return {
    stop: async () => {
      end.abort()
      await running
    },
  }
}
