// `npm run hot -- FILE.wasm`: the hottest blocks of a program, counted under qemu (bench/count/hot.ts has the options).
import { benchCommand } from './bench-command.mjs';

try {
  process.exitCode = await benchCommand('count/hot', process.argv.slice(2));
} catch (error) {
  console.error(`hot: ${error.message}`);
  process.exitCode = 1;
}
