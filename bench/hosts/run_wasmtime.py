"""One benchmark job on wasmtime's release library (PyPI wheel): reads a JSON job, prints a JSON answer.

The same protocol as the other engines' processes (bench/protocol.ts).
"""
import json
import os
import statistics
import sys
import time

import wasmtime as w

COMPILES = 3
LOADS = 20


def peak_rss_kb():
    for line in open('/proc/self/status'):
        if line.startswith('VmHWM'):
            return int(line.split()[1])


def engine(parallel):
    c = w.Config()
    c.strategy = 'cranelift'
    c.cranelift_opt_level = 'speed'
    c.parallel_compilation = parallel
    c.wasm_gc = True
    c.wasm_exceptions = True
    c.wasm_function_references = True
    return w.Engine(c)


def linker(e, times):
    lk = w.Linker(e)
    lk.define_wasi()
    nothing = w.FuncType([], [])
    lk.define_func('bench', 'start', nothing, lambda: times.__setitem__('start', time.perf_counter()))
    lk.define_func('bench', 'end', nothing, lambda: times.__setitem__('end', time.perf_counter()))
    return lk


def store(e, job, i):
    s = w.Store(e)
    wasi = w.WasiConfig()
    wasi.argv = [os.path.basename(job['wasm'])]
    wasi.preopen_dir(job['directory'], '.')
    wasi.stdout_file = f"{job['scratch']}/{i}.out"
    wasi.stderr_file = f"{job['scratch']}/{i}.err"
    s.set_wasi(wasi)
    return s


def compile_job(job):
    """Wall and CPU time of the fastest of a few compiles; the peak of memory after the first."""
    e = engine(job['kind'] == 'compile-all')
    code = open(job['wasm'], 'rb').read()
    answer = {}
    for i in range(COMPILES):
        wall, cpu = time.perf_counter(), time.process_time()
        module = w.Module(e, code)
        wall, cpu = (time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3
        if i == 0:
            answer['compileColdMs'] = wall
            answer['peakRssKb'] = peak_rss_kb()
        answer['compileMs'] = min(wall, answer.get('compileMs', wall))
        answer['compileCpuMs'] = min(cpu, answer.get('compileCpuMs', cpu))
    return answer, module


def prepare(job):
    e = engine(True)
    data = w.Module(e, open(job['wasm'], 'rb').read()).serialize()
    with open(job['object'], 'wb') as f:
        f.write(data)
    return {'objectBytes': len(data)}


def run(job):
    e, times, loads = engine(False), {}, []
    lk = linker(e, times)
    for i in range(LOADS):
        s = store(e, job, 'load')
        begin = time.perf_counter()
        module = w.Module.deserialize_file(e, job['object'])
        lk.instantiate(s, module)
        loads.append((time.perf_counter() - begin) * 1e3)
        s.close()
    answer = {'loadMs': statistics.median(loads), 'loadFirstMs': loads[0], 'runMs': [], 'exitCode': 0}
    begin = time.perf_counter()
    for i in range(job['iterations']):
        s = store(e, job, i)
        instance = lk.instantiate(s, module)
        try:
            instance.exports(s)['_start'](s)
        except w.ExitTrap as trap:
            answer['exitCode'] = trap.code
        answer['runMs'].append((times['end'] - times['start']) * 1e3)
        s.close()
        if time.perf_counter() - begin > job['maxSeconds']:
            break
    return answer


def main():
    job = json.loads(sys.argv[1])
    if job['kind'] == 'prepare':
        answer = prepare(job)
    elif job['kind'] == 'run':
        answer = run(job)
    else:
        answer = compile_job(job)[0]
    print(json.dumps(answer))


main()
