/// The first words of slugs: light, weather, colour, size, manner and the like.
///
/// 3…9 letters of a–z, no word twice.
///
/// A word is left out when it could hurt in front of some noun: nothing about bodies, beliefs, peoples, politics,
/// weapons, intoxicants or the sexes, and nothing that calls anybody stupid, poor, sick or ugly.
package let slugAdjectives: [String] = """
    able adept agile airy alert alpine amber ample amused apt aqua arctic artful astral autumn aware azure balmy
    basic beaming blithe blue blurry bold boreal breezy brief bright brisk bronze bubbly bumpy busy calm candid
    careful carefree cedar certain charming cheery chilly chirpy choice civil clean clear clever close cloudy
    coastal cobalt comfy compact cool copper coral cordial cosmic cosy cotton crafty crimson crisp curious curly
    cute daily dainty dapper daring dazzling dear deft diamond digital distant dotted double dreamy dual durable
    dusty eager early earnest earthy eastern elastic electric elegant emerald eminent endless epic equal even
    evening exact expert fabled factual faithful famed famous fancy far fast festive fine first fleet floral fluent
    fluffy flying formal free frequent fresh friendly frosty frozen full fuzzy gallant gentle genuine giant gifted
    glad glassy gleaming global glossy glowing good graceful gracious grand granite grassy grateful great green hale
    handy happy hardy harmonic hasty hazel hearty helpful hidden honest hopeful humble hushed icy ideal immense
    indigo inland inner intent ivory jade jaunty jazzy jolly jovial joyful joyous jubilant keen kind kindly lasting
    lavish leafy level light likely limber lime linear liquid little lively local lofty long loyal lucid lucky lunar
    lyric magic magnetic main major marble marine maroon mauve mellow melodic merry mighty mild mindful minor mint
    minty misty mobile modern modest mossy musical muted narrow near neat new nimble noble northern notable novel
    oaken olive opal open optimal orange orbital organic ornate outer oval paper pastel patient peaceful pearl
    pebbly perfect placid playful pleasant plucky plush poetic poised polar polished polite popular prime prompt
    proper proud purple quick quiet radiant rainy rapid rare ready real regal regular relaxed rhythmic rich rising
    rolling roomy rosy round royal ruby rural rustic sandy sapphire satin scarlet scenic seaside secret serene sharp
    shiny sienna silent silken silky silver sincere sleek sleepy small smart snappy snowy snug soft solar solid
    sonic southern spacious sparkly spicy splendid spotted spring sprightly square starry stately steady stellar
    still striped sturdy sublime subtle summer sunlit sunny super sure sweeping swift tame tangy teal tepid thankful
    tidal tidy tiny tranquil tropical true trusty tuneful twilight ultra unique upbeat upper urban useful valiant
    valid vast velvet verdant vernal vibrant vintage violet vital vivid wandering warm wavy western whimsical whole
    windy winged winter wise witty wooden woolly worldly worthy zany zesty
    """
    .split(whereSeparator: \.isWhitespace).map(String.init)
