/**
 * THREAD=REFERENCES (RFC 5256 §3) and REFS (draft-ietf-morg-inthread): messages hang below those they refer to.
 *
 * Steps, as the RFC counts them: 1 link every message's references as parents and children, its own last reference above
 * it; 2 gather those without a parent; 3 take out stand-ins for messages that are not there; 4 order by time; 5 join
 * threads of one subject (REFERENCES only); 6 order what that has joined.
 *
 * Invariants: nodes 0 to count - 1 are the messages, further ones stand in; no node is below itself; no step calls itself
 * for each level, so that a thread may be as deep as it likes.
 */
import type { ThreadNode } from '#lib/formats/imap/thread.ts'
import { IdTable } from './idTable.ts'
import type { ThreadMessages } from './messages.ts'

const none = -1
const noNodes: readonly number[] = []
const noThreads: readonly ThreadNode[] = []
/** Levels walked up to see whether a link would make a circle. */
const mostSteps = 2000

export function threadByReferences(messages: ThreadMessages, variant: 'REFERENCES' | 'REFS'): ThreadNode[] {
  const tree = new ReferenceTree(messages)
  tree.link()
  tree.prune()
  tree.order(variant === 'REFS')
  if (variant === 'REFERENCES') {
    tree.joinSubjects()
    tree.order(false)
  }
  return tree.nodes()
}

/** Which nodes were ever linked: two of different groups cannot be above each other. */
class Groups {
  readonly #above: number[] = []

  find(node: number): number {
    let at = node
    for (let above = this.#above[at]; above !== undefined; above = this.#above[at]) {
      // Each look shortens the way for the next.
      const next = this.#above[above]
      if (next !== undefined) this.#above[at] = next
      at = above
    }
    return at
  }

  join(a: number, b: number): void {
    const [rootA, rootB] = [this.find(a), this.find(b)]
    if (rootA !== rootB) this.#above[rootA] = rootB
  }
}

class ReferenceTree {
  readonly #messages: ThreadMessages
  readonly #parents: number[]
  /** Of each node that has some, once the tree is linked: most have none. */
  #children: (number[] | undefined)[] = []
  #roots: number[] = []
  readonly #groups = new Groups()

  constructor(messages: ThreadMessages) {
    this.#messages = messages
    this.#parents = new Array<number>(messages.count).fill(none)
  }

  // -------------------------------------------------------------- 1

  link(): void {
    const { count, ids } = this.#messages
    const byId = new IdTable(count * 2)
    // Of several messages with one Message-ID the first has it, the others count as having none.
    for (let message = 0; message < count; message++) if (ids[message] !== 0 && byId.get(ids[message] as number) < 0) byId.set(ids[message] as number, message)
    const nodeOf = (id: number): number => {
      const known = byId.get(id)
      if (known >= 0) return known
      const node = this.#parents.push(none) - 1
      byId.set(id, node)
      return node
    }
    for (let message = 0; message < count; message++) {
      const references = this.#messages.references(message)
      let above = none
      for (let at = 0; at < references.length; at++) {
        const node = nodeOf(references[at] as number)
        // An existing link stays: it may come from the message itself.
        if (above !== none && this.#parents[node] === none && !this.#isBelow(above, node)) this.#hang(node, above)
        above = node
      }
      // What the message says of itself outweighs what others have said of it.
      if (above !== this.#parents[message] && (above === none || !this.#isBelow(above, message))) this.#hang(message, above)
    }
    this.#gather()
  }

  /** Whether `node` is `other` or hangs below it. So far up that nobody can say quickly counts as yes: then it is not linked. */
  #isBelow(node: number, other: number): boolean {
    if (this.#groups.find(node) !== this.#groups.find(other)) return false
    let steps = 0
    for (let at = node; at !== none; at = this.#parents[at] ?? none) if (at === other || ++steps > mostSteps) return true
    return false
  }

  #hang(node: number, above: number): void {
    this.#parents[node] = above
    if (above !== none) this.#groups.join(node, above)
  }

  // -------------------------------------------------------------- 2, 3

  #gather(): void {
    const parents = this.#parents
    this.#children = new Array<number[] | undefined>(parents.length).fill(undefined)
    this.#roots = []
    for (let node = 0; node < parents.length; node++) {
      const parent = parents[node] as number
      if (parent === none) this.#roots.push(node)
      else (this.#children[parent] ??= []).push(node)
    }
  }

  #childrenOf(node: number): readonly number[] {
    return this.#children[node] ?? noNodes
  }

  #isMessage(node: number): boolean {
    return node < this.#messages.count
  }

  /** Stand-ins without children go; those with children give them to their parent, but at the root only a single one. */
  prune(): void {
    for (const node of this.#bottomUp()) {
      const children = this.#childrenOf(node)
      if (children.every((child) => this.#isMessage(child))) continue
      const kept: number[] = []
      for (const child of children) {
        if (this.#isMessage(child)) kept.push(child)
        else for (const grandchild of this.#childrenOf(child)) kept.push(grandchild)
      }
      this.#children[node] = kept
    }
    const roots: number[] = []
    for (const root of this.#roots) {
      const children = this.#childrenOf(root)
      if (this.#isMessage(root) || children.length > 1) roots.push(root)
      else for (const child of children) roots.push(child)
    }
    this.#roots = roots
  }

  /** Every node after its children. */
  #bottomUp(): Uint32Array {
    const nodes = new Uint32Array(this.#parents.length)
    let end = 0
    for (const root of this.#roots) nodes[end++] = root
    for (let at = 0; at < end; at++) for (const child of this.#childrenOf(nodes[at] as number)) nodes[end++] = child
    return nodes.subarray(0, end).reverse()
  }

  // -------------------------------------------------------------- 4, 6

  /** By the time of each message, of a stand-in by that of its first child; with `latest`, threads by their latest message. */
  order(latest: boolean): void {
    const { times, count } = this.#messages
    const nodes = this.#parents.length
    const time = new Float64Array(nodes)
    time.set(times.subarray(0, nodes))
    const place = new Uint32Array(nodes)
    for (let node = 0; node < nodes; node++) place[node] = node
    const newest = Float64Array.from(time)
    const compare = (a: number, b: number) => (time[a] ?? 0) - (time[b] ?? 0) || (place[a] ?? 0) - (place[b] ?? 0)
    for (const node of this.#bottomUp()) {
      const children = this.#children[node]
      if (children === undefined) continue
      if (children.length > 1) children.sort(compare)
      const [first] = children
      if (node >= count && first !== undefined) {
        time[node] = time[first] ?? 0
        place[node] = place[first] ?? 0
        newest[node] = 0
      }
      for (const child of children) newest[node] = Math.max(newest[node] ?? 0, newest[child] ?? 0)
    }
    this.#roots.sort(latest ? (a, b) => (newest[a] ?? 0) - (newest[b] ?? 0) || compare(a, b) : compare)
  }

  // -------------------------------------------------------------- 5

  joinSubjects(): void {
    const table = new Map<number, number>()
    for (const root of this.#roots) {
      const subject = this.#subject(root)
      if (subject === 0) continue
      const known = table.get(subject)
      // RFC 5256 §3 (5.B): a stand-in before a message, what is no reply before a reply.
      if (known === undefined || (this.#isMessage(known) && (!this.#isMessage(root) || (this.#isReply(known) && !this.#isReply(root))))) table.set(subject, root)
    }
    const gone = new Set<number>()
    const moved = new Map<number, number>()
    for (const root of this.#roots) {
      const subject = this.#subject(root)
      const entry = subject === 0 ? undefined : table.get(subject)
      if (entry === undefined) continue
      const keeper = moved.get(entry) ?? entry
      if (keeper === root || entry === root) continue
      gone.add(root)
      this.#join(root, entry, keeper, table, moved, gone, subject)
    }
    this.#roots = [...this.#roots.filter((root) => !gone.has(root)), ...this.#made]
  }

  /** Stand-ins made to hold threads side by side. */
  readonly #made: number[] = []

  #join(root: number, entry: number, keeper: number, table: Map<number, number>, moved: Map<number, number>, gone: Set<number>, subject: number): void {
    const below = (this.#children[keeper] ??= [])
    if (!this.#isMessage(keeper)) {
      if (this.#isMessage(root)) below.push(root)
      else for (const child of this.#childrenOf(root)) below.push(child)
    } else if (this.#isMessage(root) && this.#isReply(root) && !this.#isReply(keeper)) below.push(root)
    else {
      const made = this.#parents.push(none) - 1
      this.#children.push([keeper, root])
      this.#made.push(made)
      gone.add(keeper)
      moved.set(entry, made)
      table.set(subject, entry)
    }
  }

  /** Of a stand-in, that of its first child. */
  #first(node: number): number {
    return this.#isMessage(node) ? node : (this.#children[node]?.[0] ?? 0)
  }

  #subject(root: number): number {
    return this.#messages.subjects[this.#first(root)] ?? 0
  }

  #isReply(root: number): boolean {
    return this.#messages.replies[this.#first(root)] === 1
  }

  // --------------------------------------------------------------

  nodes(): ThreadNode[] {
    const { numbers } = this.#messages
    const made = new Array<ThreadNode | undefined>(this.#parents.length).fill(undefined)
    const nodeOf = (node: number): ThreadNode => made[node] ?? { number: 0, children: noThreads }
    for (const node of this.#bottomUp()) made[node] = { number: numbers[node] ?? 0, children: this.#children[node]?.map(nodeOf) ?? noThreads }
    return this.#roots.map(nodeOf)
  }
}
