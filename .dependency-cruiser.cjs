/** The rooms and who may import whom: downward only (docs/architecture.md). */
const room = (path) => `^lib/${path}`
const below = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to })

module.exports = {
  forbidden: [
    below('no-circles', 'A circle of imports has no top to read from.', {}, { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } }),
    below('base-knows-nothing-above', 'base is what any server would need.', { path: room('base/') }, { path: '^(lib/(?!base/)|bin|functions|containers)' }),
    below('formats-are-pure', 'formats know octets and values only.', { path: room('formats/') }, { path: '^(lib/(?!formats/|base/)|bin|functions|containers)' }),
    below('formats-do-no-io', 'formats have no I/O, no clock, no randomness.', { path: room('formats/') }, { path: '^(node:)?(fs|net|tls|http|https|dns|child_process|worker_threads|timers)(/|$)', dependencyTypes: ['core'] }),
    below('formats-take-no-clock-or-log', 'Of base, formats may use pure parts only.', { path: room('formats/') }, { path: room('base/(clock|log|dns|resolver|metrics)') }),
    below('engines-know-base-only', 'An engine knows its ports and base.', { path: room('engine/') }, { path: '^(lib/(?!engine/|base/)|bin|functions|containers)' }),
    below('only-entry-points-choose-an-engine', 'Rooms see the ports, never an engine.', { path: '^lib/(?!engine/)' }, { path: room('engine/(?!ports)') }),
    below('engines-are-apart', 'One engine never imports another.', { path: '^lib/engine/([^/]+)/' }, { path: '^lib/engine/([^/]+)/', pathNot: '^lib/engine/$1/' }),
    below('mail-knows-no-protocol-server', 'mail is below serve.', { path: room('mail/') }, { path: '^(lib/(serve|stacks)/|bin|functions|containers)' }),
    below('serve-is-below-entry-points', 'serve is called by entry points.', { path: room('serve/') }, { path: '^(lib/stacks/|bin|functions|containers)' }),
    below('protocols-are-apart', 'Protocols never import each other.', { path: '^lib/serve/([^/]+)/' }, { path: '^lib/serve/([^/]+)/', pathNot: '^lib/serve/$1/' }),
    below('functions-skip-serve', 'A Lambda function calls mail directly.', { path: '^functions/' }, { path: room('serve/') }),
    below('lmdb-stays-in-its-engine', 'lmdb is the embedded engine\'s.', { pathNot: room('engine/embedded/') }, { path: 'node_modules/lmdb(/|$)' }),
    below('aws-sdk-stays-in-its-engine', '@aws-sdk is the AWS engine\'s.', { pathNot: room('engine/aws/') }, { path: 'node_modules/@aws-sdk/' }),
    below('cdk-stays-in-stacks', 'aws-cdk-lib is of the stacks.', { pathNot: '^(lib/stacks/|bin/deploy|examples/[^/]+/app)' }, { path: 'node_modules/aws-cdk-lib/' }),
    below('stacks-run-nothing', 'Stacks say what is made; of what runs there they know names and settings.', { path: room('stacks/') }, { path: '^(lib/(serve|mail|formats|engine/(?!ports))/|bin|functions|containers)' }),
    below('nobody-imports-stacks', 'Only apps that are deployed know the stacks.', { pathNot: '^(lib/stacks/|bin/deploy|examples/[^/]+/app)' }, { path: room('stacks/'), pathNot: room('stacks/names') }),
    below('sockets-open-in-listen-and-dial', 'Sockets are opened where doors are and in one dialling file.', { path: '^lib/', pathNot: '^lib/(serve/([^/]+/listen|door|tls|proxy)|mail/outbound/dial|engine/embedded/)' }, { path: '^(node:)?(net|tls)$', dependencyTypes: ['core'], dependencyTypesNot: ['type-only'] }),
    below('no-orphans', 'A file that nobody imports is dead.', { orphan: true, pathNot: ['\\.cjs$', '^bin/', '^functions/[^/]+/handler\\.ts$', '^containers/[^/]+/(main|bundle)\\.ts$'] }, {}),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.mjs', '.js'], conditionNames: ['import', 'node', 'default'] },
  },
}
