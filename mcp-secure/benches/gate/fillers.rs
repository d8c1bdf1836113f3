//! Ninety-nine more tools, each with a permission of its own, so that as many policies can be about distinct actions.

use mcp_secure::prelude::*;

use crate::app::App;

macro_rules! fillers {
    ($($name:ident $permission:literal)*) => {
        pub(crate) const PERMISSIONS: &[&str] = &[$($permission),*];

        $(
            /// Counts what there is of one kind.
            #[tool(risk = "low", permission = $permission, read_only)]
            async fn $name(#[arg(min = 1, max = 9)] shelf: u32) -> Content {
                Content::text(format!("shelf {shelf} is empty"))
            }
        )*

        pub(crate) fn fillers() -> ToolSet<App> {
            tools![$($name),*]
        }
    };
}

fillers! {
    count_kind_01 "kind01.count"
    count_kind_02 "kind02.count"
    count_kind_03 "kind03.count"
    count_kind_04 "kind04.count"
    count_kind_05 "kind05.count"
    count_kind_06 "kind06.count"
    count_kind_07 "kind07.count"
    count_kind_08 "kind08.count"
    count_kind_09 "kind09.count"
    count_kind_10 "kind10.count"
    count_kind_11 "kind11.count"
    count_kind_12 "kind12.count"
    count_kind_13 "kind13.count"
    count_kind_14 "kind14.count"
    count_kind_15 "kind15.count"
    count_kind_16 "kind16.count"
    count_kind_17 "kind17.count"
    count_kind_18 "kind18.count"
    count_kind_19 "kind19.count"
    count_kind_20 "kind20.count"
    count_kind_21 "kind21.count"
    count_kind_22 "kind22.count"
    count_kind_23 "kind23.count"
    count_kind_24 "kind24.count"
    count_kind_25 "kind25.count"
    count_kind_26 "kind26.count"
    count_kind_27 "kind27.count"
    count_kind_28 "kind28.count"
    count_kind_29 "kind29.count"
    count_kind_30 "kind30.count"
    count_kind_31 "kind31.count"
    count_kind_32 "kind32.count"
    count_kind_33 "kind33.count"
    count_kind_34 "kind34.count"
    count_kind_35 "kind35.count"
    count_kind_36 "kind36.count"
    count_kind_37 "kind37.count"
    count_kind_38 "kind38.count"
    count_kind_39 "kind39.count"
    count_kind_40 "kind40.count"
    count_kind_41 "kind41.count"
    count_kind_42 "kind42.count"
    count_kind_43 "kind43.count"
    count_kind_44 "kind44.count"
    count_kind_45 "kind45.count"
    count_kind_46 "kind46.count"
    count_kind_47 "kind47.count"
    count_kind_48 "kind48.count"
    count_kind_49 "kind49.count"
    count_kind_50 "kind50.count"
    count_kind_51 "kind51.count"
    count_kind_52 "kind52.count"
    count_kind_53 "kind53.count"
    count_kind_54 "kind54.count"
    count_kind_55 "kind55.count"
    count_kind_56 "kind56.count"
    count_kind_57 "kind57.count"
    count_kind_58 "kind58.count"
    count_kind_59 "kind59.count"
    count_kind_60 "kind60.count"
    count_kind_61 "kind61.count"
    count_kind_62 "kind62.count"
    count_kind_63 "kind63.count"
    count_kind_64 "kind64.count"
    count_kind_65 "kind65.count"
    count_kind_66 "kind66.count"
    count_kind_67 "kind67.count"
    count_kind_68 "kind68.count"
    count_kind_69 "kind69.count"
    count_kind_70 "kind70.count"
    count_kind_71 "kind71.count"
    count_kind_72 "kind72.count"
    count_kind_73 "kind73.count"
    count_kind_74 "kind74.count"
    count_kind_75 "kind75.count"
    count_kind_76 "kind76.count"
    count_kind_77 "kind77.count"
    count_kind_78 "kind78.count"
    count_kind_79 "kind79.count"
    count_kind_80 "kind80.count"
    count_kind_81 "kind81.count"
    count_kind_82 "kind82.count"
    count_kind_83 "kind83.count"
    count_kind_84 "kind84.count"
    count_kind_85 "kind85.count"
    count_kind_86 "kind86.count"
    count_kind_87 "kind87.count"
    count_kind_88 "kind88.count"
    count_kind_89 "kind89.count"
    count_kind_90 "kind90.count"
    count_kind_91 "kind91.count"
    count_kind_92 "kind92.count"
    count_kind_93 "kind93.count"
    count_kind_94 "kind94.count"
    count_kind_95 "kind95.count"
    count_kind_96 "kind96.count"
    count_kind_97 "kind97.count"
    count_kind_98 "kind98.count"
    count_kind_99 "kind99.count"
}
