#!/usr/bin/env node
// Nothing but a guard and an import; written so that even a very old Node can parse it and say what is wrong.
var version = process.versions.node.split('.');
if (Number(version[0]) < 20 || (Number(version[0]) === 20 && Number(version[1]) < 19)) {
  console.error(
    'netmgr needs Node 20.19 or newer; this is Node ' + process.versions.node + ' (' + process.execPath + ')'
  );
  process.exitCode = 78;
} else {
  var module = process.getBuiltinModule && process.getBuiltinModule('node:module');
  if (module && module.enableCompileCache) module.enableCompileCache();
  import('../dist/src/cli/main.js').then(function (cli) {
    return cli.main();
  });
}
