/// The second words of slugs: landscape, plants, animals, instruments, tools and food.
///
/// 3…9 letters of a–z, no word twice; left out by the same rule as adjectives.
package let slugNouns: [String] = """
    acorn acre airship alder almond alpaca anchor anemone antelope apple apricot apron arbor arcade arch archive
    armchair artist aster atlas atoll attic aurora avenue avocado badge bakery balcony balloon bamboo banjo banner
    barley barn basil basin basket bay bayou beach beacon beagle beaker bell bench birch bison blanket blossom boat
    bobcat bonsai book boulder bowl branch breeze brick bridge brook broom buckle bugle bungalow butterfly button
    cabin cactus camera campfire canary candle canoe canopy canvas canyon cape caramel caravan cardigan cargo
    caribou carousel carrot cart cascade castle cavern celery cello chair chalk charm cheetah chess chestnut chime
    chipmunk chorus cicada cinnamon citrus clarinet cliff cloak clock cloud cobble coconut comet compass concert
    condor cookie corner cornet cosmos cottage cove coyote crane crater crayon creek crescent cricket crocus
    crossing crown cruise cup current curtain cushion cyclone cypress daffodil dahlia daisy dawn decoder deer delta
    desert dingo dolphin dome dove dragonfly drawer drift drum dune eagle easel echo eclipse egret elevator elk elm
    ember engine envelope equator estuary falcon farm feather fern ferry festival fiddle field fiesta finch fjord
    flamingo flannel flute foghorn forest forge fossil fountain fox freighter fresco fridge galaxy garden garland
    garlic garnet gate gazebo gazelle gecko geyser giraffe glacier glade glider globe gondola gorge grotto grove
    guitar gull hamlet hammock harbor harp harvest hawk hazelnut heather hedge hedgehog heron hickory highland hill
    hive hollow honey horizon hornbill house ibis iceberg inlet iris island isle ivy jacket jaguar jasmine jersey
    jigsaw journal journey juniper kayak kernel kettle keyboard kite koala lacquer ladder ladybug lagoon lake
    lantern larch lark lasso lattice laurel lavender lawn leaf ledge lemon lemur lentil leopard letter library
    lichen lilac lily linden lion lizard llama locket loft loom lotus lute lynx macaw magnet magnolia magpie mallard
    mandolin mango manor mantle map maple marigold market marlin marmot marsh meadow melody meteor millet mirror
    mitten moat monsoon moon moose mosaic moss mountain mulberry museum nebula nectar needle nest nettle newt nook
    notebook nutmeg oak oasis oatmeal oboe ocean ocelot octave orbit orchard orchid oregano osprey otter outpost owl
    paddle palace palette panda panther papaya parade parasol park parrot parsley pasture path patio pavilion peak
    pear pebble pelican pencil penguin peony pepper petal petunia pewter piano picnic pier pigeon pillow pine
    pinecone pinwheel planet plateau plaza plum pocket polygon pond poplar porch porridge portal postcard prairie
    primrose prism puddle puffin pumpkin puppet puzzle pyramid quail quarry quartz quilt quince rabbit radar radish
    raft railway rainbow ranch raven reef ribbon ridge rill river robin rocket rose rowboat saddle saffron sage sail
    salad salmon satchel satellite savanna saxophone scarf scooter sea seagull seahorse seal season sequoia shadow
    shelter shore shuttle silo skylark skyline sleigh snail snowdrop snowfall sofa solstice sonata sparrow sphere
    spinach spiral sponge spoon spruce squirrel stable stadium star starfish starling stone stream studio sundial
    sunflower sunrise sunset surf swan sweater sycamore symphony table tablet talon tandem tango tapestry teacup
    teapot telescope terrace theater thicket thimble thistle thyme tiger timber toast tomato topaz torch tortoise
    toucan trail train tram treasure treehouse trellis tugboat tulip tundra turnip turtle valley vault veranda
    viaduct village viola violin vista volcano voyage waffle wagon walnut waterfall wave wheat wheel whistle willow
    window windmill wombat wren yacht yak yarn yodel zebra zephyr zinnia zither
    """
    .split(whereSeparator: \.isWhitespace).map(String.init)
