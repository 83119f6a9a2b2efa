/**
 * The boundaries of the multiparts that are open: which of them a line begins with, in one walk over the line.
 *
 * RFC 2046 §5.1.1: the boundary has to match the beginning of the line only. Of two that do the longer one is meant.
 */

interface Node {
  readonly next: Map<number, Node>
  /** Depths of the parts whose boundary ends here, the innermost last. */
  readonly depths: number[]
}

const makeNode = (): Node => ({ next: new Map(), depths: [] })

export interface BoundaryMatch {
  /** Of the part whose boundary it is. */
  readonly depth: number
  /** `--` follows: the multipart ends. */
  readonly closing: boolean
}

const DASH = 45

export class Boundaries {
  readonly #root = makeNode()
  #count = 0

  get empty(): boolean {
    return this.#count === 0
  }

  add(boundary: string, depth: number): void {
    this.#count++
    let node = this.#root
    for (let at = 0; at < boundary.length; at++) {
      const octet = boundary.charCodeAt(at)
      let next = node.next.get(octet)
      if (next === undefined) {
        next = makeNode()
        node.next.set(octet, next)
      }
      node = next
    }
    node.depths.push(depth)
  }

  /** The latest one added with this boundary. */
  remove(boundary: string): void {
    const walked = [this.#root]
    let node = this.#root
    for (let at = 0; at < boundary.length; at++) {
      const next = node.next.get(boundary.charCodeAt(at))
      if (next === undefined) return
      walked.push((node = next))
    }
    if (node.depths.pop() !== undefined) this.#count--
    for (let at = boundary.length; at > 0; at--) {
      const here = walked[at]
      if (here === undefined || here.next.size > 0 || here.depths.length > 0) return
      walked[at - 1]?.next.delete(boundary.charCodeAt(at - 1))
    }
  }

  /** What the octets behind `--` at the start of a line are. */
  match(octets: Uint8Array, from: number, until: number): BoundaryMatch | undefined {
    let found: BoundaryMatch | undefined
    let node: Node | undefined = this.#root
    for (let at = from; at < until; at++) {
      node = node.next.get(octets[at] ?? 0)
      if (node === undefined) return found
      const depth = node.depths.at(-1)
      if (depth !== undefined) found = { depth, closing: at + 2 < until && octets[at + 1] === DASH && octets[at + 2] === DASH }
    }
    return found
  }
}
