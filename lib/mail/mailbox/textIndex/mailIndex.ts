/**
 * The indexes of one account: columns of what metadata says, and words of what messages say. Nothing is built, read or
 * kept before someone searches, sorts or threads more messages than it pays to look at one by one.
 */
import type { MessageMetadata } from '#lib/formats/message/compact.ts'
import type { MailDeps } from '../accountLog.ts'
import type { FileChange } from '../entry.ts'
import { openMetadata } from '../read.ts'
import type { AccountState } from '../state.ts'
import type { SegmentCache } from './cache.ts'
import { ColumnBuilder, columnsBytes, mergeColumns, packColumns, unpackColumns } from './columns.ts'
import type { ColumnSegment } from './columns.ts'
import { SegmentSeries } from './series.ts'
import type { SegmentKind } from './series.ts'
import { bodyOf, readStoredTexts } from './texts.ts'
import { Verdicts } from './verdicts.ts'
import { mergeWords, packWords, unpackWords, wordsBytes, WordSegmentBuilder } from './wordSegment.ts'
import type { IndexedTexts, WordSegment } from './wordSegment.ts'

/** Segments in the end hold so many times the messages of the first ones. */
const mergedBatches = 16

function columnKind(batchDocs: number): SegmentKind<ColumnSegment, MessageMetadata> {
  return {
    name: 'columns', batchDocs, mostDocs: batchDocs * mergedBatches,
    prepare: async ({ blobs }, { metadata }) => (metadata === null ? undefined : await openMetadata(blobs, metadata)),
    builder: () => new ColumnBuilder(),
    pack: packColumns, unpack: unpackColumns, merge: mergeColumns, bytesOf: columnsBytes,
  }
}

function wordKind(batchDocs: number): SegmentKind<WordSegment, IndexedTexts> {
  return {
    name: 'words', batchDocs, mostDocs: batchDocs * mergedBatches,
    prepare: readIndexedTexts,
    builder: () => new WordSegmentBuilder(),
    pack: packWords, unpack: unpackWords, merge: mergeWords, bytesOf: wordsBytes,
  }
}

/** Columns are small: as many octets as words of so many times the messages. */
const columnBatches = 4

async function readIndexedTexts({ blobs, settings }: MailDeps, { blob, metadata }: FileChange): Promise<IndexedTexts | undefined> {
  if (metadata === null) return undefined
  const texts = await readStoredTexts(blobs, blob, await openMetadata(blobs, metadata), { limitBytes: settings.indexMessageBytes })
  return { headers: texts.headers, body: [bodyOf(texts)], cut: texts.cut }
}

export type Progress = (done: number, total: number) => void

export class MailIndex {
  readonly verdicts = new Verdicts()
  readonly #columns: SegmentSeries<ColumnSegment, MessageMetadata>
  readonly #words: SegmentSeries<WordSegment, IndexedTexts>

  constructor(deps: MailDeps, accountId: string, cache: SegmentCache) {
    const batch = Math.max(deps.settings.indexBatchMessages, 1)
    this.#columns = new SegmentSeries(deps, accountId, columnKind(batch * columnBatches), cache)
    this.#words = new SegmentSeries(deps, accountId, wordKind(batch), cache)
  }

  async hasColumns(): Promise<boolean> {
    return await this.#columns.exists()
  }

  async hasWords(): Promise<boolean> {
    return await this.#words.exists()
  }

  async columns(state: AccountState): Promise<ColumnSegment[]> {
    return await this.#columns.collect(state, (segment) => segment)
  }

  /** What `take` makes of each segment; it keeps none of them. */
  async words<T>(state: AccountState, take: (segment: WordSegment) => T, onProgress?: Progress): Promise<T[]> {
    return await this.#words.collect(state, take, onProgress)
  }
}
