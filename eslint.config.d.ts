/** The house rules for a checkout at `root`, as ESLint takes them. */
export declare function headgateRules(root: string): readonly object[];
