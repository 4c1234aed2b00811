import { describe, expect, test } from 'vitest';
import { cpuFeatures } from '../../src-ts/compiler/cpu.ts';
import { codeSettings, resolveSettings, SETTINGS } from '../../src-ts/compiler/settings.ts';

describe('settings', () => {
  test('defaults, and what is resolved can be given again', () => {
    const settings = resolveSettings();
    for (const row of SETTINGS) expect(settings[row.name]).toEqual(row.default);
    expect(resolveSettings(settings)).toEqual(settings);
  });

  test.each([
    [{ optlevel: 1 }, "elfin.compile(): no setting 'optlevel' (meant optLevel)"],
    [{ optLevel: 3 }, "elfin.compile(): setting 'optLevel' is 3, expected one of 0, 1, 2, s"],
    [{ optLevel: '2' }, "elfin.compile(): setting 'optLevel' is '2', expected one of 0, 1, 2, s"],
    [{ workers: 1.5 }, "setting 'workers' is 1.5, expected a whole number from 0 to 256"],
    [{ cpu: 'fast' }, "setting 'cpu' is 'fast', expected host, baseline or a list of names"],
    [{ names: 1 }, "setting 'names' is 1, expected true or false"],
    [{ dump: 'ir' }, "setting 'dump' is 'ir', expected a list of names"],
    [{ target: 'vax' }, "setting 'target' is 'vax'"],
  ])('%j is refused', (options, message) => {
    const call = () => resolveSettings(options as never, 'elfin.compile()');
    expect(call).toThrow(TypeError);
    expect(call).toThrow(message);
  });

  test('unknown keys without a near one are told all names', () => {
    expect(() => resolveSettings({ x: 1 } as never)).toThrow(/settings: optLevel, target/);
    expect(() => resolveSettings(null as never)).toThrow(/must be an object/);
  });

  test('only settings that affect code are recorded', () => {
    const text = codeSettings(resolveSettings({ optLevel: 's', workers: 3 }));
    expect(text.optLevel).toBe('s');
    expect(text).not.toHaveProperty('workers');
    expect(text).not.toHaveProperty('hostFeatures');
  });

  test('CPU features', () => {
    const features = (options: object) => cpuFeatures('call', resolveSettings(options));
    expect(features({ cpu: 'baseline' })).toEqual({ names: [], bits: 0 });
    const two = features({ cpu: ['bmi2', 'popcnt'] });
    expect(two.names).toEqual(['popcnt', 'bmi2']);
    expect(features({ hostFeatures: ['popcnt', 'bmi2', 'of the future'] })).toEqual(two);
    expect(() => features({ cpu: ['mmx'] })).toThrow(/call: setting 'cpu': no feature 'mmx'/);
    expect(features({}).names.every((name) => typeof name === 'string')).toBe(true);
  });
});
